"""A kubeconfig whose files are named (inside the node) or embedded (for people)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from kubepreview.localcluster.layout import PKI

APISERVER = "https://127.0.0.1:6443"


def of_component(identity: str) -> str:
    """For a program of the node, which reads keys where they lie."""
    return _kubeconfig(
        "local",
        {"server": APISERVER, "certificate-authority": str(PKI / "ca.crt")},
        {"client-certificate": str(PKI / f"{identity}.crt"), "client-key": str(PKI / f"{identity}.key")},
    )


def of_administrator(name: str, api_port: int, pki: Mapping[str, bytes]) -> str:
    """For the host: whole, so that it can be copied anywhere on this machine."""
    return _kubeconfig(
        name,
        {
            "server": f"https://127.0.0.1:{api_port}",
            "certificate-authority-data": _base64(pki["ca.crt"]),
        },
        {
            "client-certificate-data": _base64(pki["admin.crt"]),
            "client-key-data": _base64(pki["admin.key"]),
        },
    )


def _kubeconfig(name: str, cluster: Mapping[str, str], user: Mapping[str, str]) -> str:
    # JSON is YAML, and needs no quoting rules.
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return json.dumps(document, indent=2) + "\n"


def _base64(pem: bytes) -> str:
    return base64.b64encode(pem).decode()
