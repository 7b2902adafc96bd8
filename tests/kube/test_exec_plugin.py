"""Credential plugins: what they are told, and what becomes of what they print."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kubepreview.errors import Failed
from kubepreview.kube import exec_plugin
from kubepreview.kube.credentials import Credentials, ExecPlugin

_SERVER = Credentials(server="https://example.com", ca_data=b"trust")
_PATH = "/usr/bin:/bin"
_EMPTY = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {}}'


def _plugin(tmp_path: Path, script: str, *, version: str = "v1", mode: str = "Never") -> ExecPlugin:
    path = tmp_path / "login"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return ExecPlugin(
        command=str(path),
        api_version=f"client.authentication.k8s.io/{version}",
        interactive_mode=mode,
        provide_cluster_info=True,
        install_hint="get it from your platform team",
        environ={"PATH": _PATH, "FRUIT": "pear"},
    )


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_plugin_is_told_and_answers(tmp_path: Path, version: str) -> None:
    """The plugin gets its environment and the cluster, and what it prints is taken with its expiry."""
    credential = {
        "apiVersion": f"client.authentication.k8s.io/{version}",
        "kind": "ExecCredential",
        "status": {"token": "t-$FRUIT", "expirationTimestamp": "2026-11-24T03:00:00Z"},
    }
    text = json.dumps(credential).replace('"', '\\"')
    script = f'echo "$KUBERNETES_EXEC_INFO" > {tmp_path}/told; echo "{text}"'

    granted = await exec_plugin.run(_plugin(tmp_path, script, version=version), _SERVER)

    assert granted.token == "t-pear"  # noqa: S105 — not a real one
    assert granted.expires_at == datetime(2026, 11, 24, 3, tzinfo=UTC)
    told = json.loads((tmp_path / "told").read_text())
    assert told["apiVersion"] == f"client.authentication.k8s.io/{version}"
    assert told["spec"]["interactive"] is False
    assert told["spec"]["cluster"]["server"] == "https://example.com"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo no such account >&2; exit 3", "exited with 3: no such account"),
        ("echo hello", "did not print an ExecCredential"),
        ('echo "{}"', "did not print an ExecCredential"),
        (
            f"echo '{_EMPTY.replace('/v1', '/v1beta1')}'",
            "printed ExecCredential of client.authentication.k8s.io/v1beta1, not ExecCredential of",
        ),
        (
            f"echo '{_EMPTY}'",
            "printed neither a token nor a client certificate",
        ),
    ],
)
async def test_a_plugin_that_fails_is_told_with_its_words(tmp_path: Path, script: str, why: str) -> None:
    """A plugin that gives nothing usable is a Failed with its name, its words and its own install hint."""
    with pytest.raises(Failed, match="login") as caught:
        await exec_plugin.run(_plugin(tmp_path, script), _SERVER)

    assert why in caught.value.message
    assert caught.value.hint == "get it from your platform team"


async def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    """A missing program is told by its name, with the kubeconfig's hint on where to get it."""
    plugin = replace(_plugin(tmp_path, ""), command=str(tmp_path / "logout"))

    with pytest.raises(Failed, match="cannot be run: No such file or directory") as caught:
        await exec_plugin.run(plugin, _SERVER)

    assert caught.value.hint == "get it from your platform team"


async def test_a_plugin_that_needs_a_person(tmp_path: Path) -> None:
    """Without a terminal, a plugin that wants one is not started."""
    with pytest.raises(Failed, match="wants a terminal"):
        await exec_plugin.run(_plugin(tmp_path, "", mode="Always"), _SERVER)
