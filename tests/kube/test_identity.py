"""Who we are, told to a real kube-apiserver: tokens that are renewed, certificates that change."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kubepreview.errors import Failed
from kubepreview.kube import credentials, errors
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials, ExecPlugin
from kubepreview.kube.resources import NAMESPACES, SERVICE_ACCOUNTS

from .controlplane import ControlPlane
from .tcpproxy import connect_proxy

_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def _who(client: Client) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await client.raw(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review, repeatable=True
    )
    return str(answer["status"]["userInfo"]["username"])


async def _token_of(client: Client, namespace: str, name: str) -> str:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"namespace": namespace, "name": name},
    }
    await client.apply(account, manager="tests")
    path = SERVICE_ACCOUNTS.path(namespace, name, "token")
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str((await client.raw("POST", path, body=request))["status"]["token"])


async def test_in_a_pod(apiserver: ControlPlane, client: Client, namespace: str, tmp_path: Path) -> None:
    """With the files and variables of a pod we are its service account."""
    (tmp_path / "ca.crt").write_bytes(apiserver.pem("ca.crt"))
    (tmp_path / "token").write_text(await _token_of(client, namespace, "controller") + "\n")
    (tmp_path / "namespace").write_text(namespace)
    server = urlsplit(apiserver.server)
    environ = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}

    async with Client(credentials.in_cluster(environ, tmp_path)) as pod:
        assert await _who(pod) == f"system:serviceaccount:{namespace}:controller"
        assert pod.credentials.namespace == namespace


async def test_a_token_file_is_read_again_when_it_is_refused(
    apiserver: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    """When the server refuses a token, the file is read again, and the request goes out once more."""
    token = tmp_path / "token"
    token.write_text(await _token_of(client, namespace, "controller"))
    pod = Credentials(server=apiserver.server, ca_data=apiserver.pem("ca.crt"), token_file=token)

    async with Client(pod) as renewed:
        token.write_text("not-a-token")
        with pytest.raises(errors.Unauthorized):
            await _who(renewed)
        token.write_text(await _token_of(client, namespace, "other"))
        assert await _who(renewed) == f"system:serviceaccount:{namespace}:other"


async def test_a_token_file_that_is_gone_is_told(apiserver: ControlPlane, tmp_path: Path) -> None:
    """A token file that cannot be read is a Failed that names it."""
    pod = Credentials(server=apiserver.server, ca_data=apiserver.pem("ca.crt"), token_file=tmp_path / "none")

    async with Client(pod) as lost:
        with pytest.raises(Failed, match="cannot read the token file"):
            await _who(lost)


@asynccontextmanager
async def _with_plugin(
    apiserver: ControlPlane, tmp_path: Path, clock: list[datetime]
) -> AsyncIterator[Client]:
    """A client whose plugin prints what is in `credential`, and writes a line to `runs` each time."""
    script = tmp_path / "login"
    script.write_text(f'#!/bin/sh\necho run >> "{tmp_path}/runs"\ncat "{tmp_path}/credential"\n')
    script.chmod(0o755)
    plugin = ExecPlugin(command=str(script), interactive_mode="Never", environ={"PATH": "/usr/bin:/bin"})
    who = Credentials(server=apiserver.server, ca_data=apiserver.pem("ca.crt"), exec_plugin=plugin)
    async with Client(who, now=lambda: clock[0]) as client:
        yield client


def _credential(tmp_path: Path, **status: str) -> None:
    granted = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    (tmp_path / "credential").write_text(json.dumps(granted))


async def test_a_plugin_gives_a_token_until_it_expires(
    apiserver: ControlPlane, client: Client, namespace: str, tmp_path: Path
) -> None:
    """The plugin runs once, and again when what it gave is about to expire."""
    clock = [_NOON]
    expiry = (_NOON + timedelta(hours=1)).isoformat()
    _credential(tmp_path, token=await _token_of(client, namespace, "one"), expirationTimestamp=expiry)

    async with _with_plugin(apiserver, tmp_path, clock) as plugged:
        for _ in range(3):
            assert await _who(plugged) == f"system:serviceaccount:{namespace}:one"
        assert (tmp_path / "runs").read_text() == "run\n"
        _credential(tmp_path, token=await _token_of(client, namespace, "two"))
        clock[0] = _NOON + timedelta(minutes=59, seconds=55)
        assert await _who(plugged) == f"system:serviceaccount:{namespace}:two"


async def test_a_plugin_gives_a_client_certificate(apiserver: ControlPlane, tmp_path: Path) -> None:
    """A client certificate from a plugin is shown, and replaced by the next on new connections."""
    clock = [_NOON]

    def grant(identity: str) -> None:
        _credential(
            tmp_path,
            clientCertificateData=apiserver.pem(f"{identity}.crt").decode(),
            clientKeyData=apiserver.pem(f"{identity}.key").decode(),
            expirationTimestamp=(clock[0] + timedelta(hours=1)).isoformat(),
        )

    grant("admin")
    async with _with_plugin(apiserver, tmp_path, clock) as plugged:
        assert await _who(plugged) == "kubernetes-admin"
        clock[0] += timedelta(hours=2)
        grant("kube-scheduler")
        assert await _who(plugged) == "system:kube-scheduler"


async def test_insecure_and_named(client: Client) -> None:
    """Nothing is checked when that is asked for; another server name is checked when one is given."""
    blind = replace(client.credentials, ca_data=b"", insecure=True)
    named = replace(client.credentials, tls_server_name="kubernetes.default.svc")
    misnamed = replace(client.credentials, tls_server_name="example.com")

    async with Client(blind) as first, Client(named) as second, Client(misnamed) as third:
        assert await first.find(NAMESPACES, "default")
        assert await second.find(NAMESPACES, "default")
        with pytest.raises(errors.NoAnswer, match=r"example\.com"):
            await third.find(NAMESPACES, "default")


async def test_through_a_proxy(apiserver: ControlPlane, client: Client) -> None:
    """The proxy of the credentials is asked for a tunnel to the apiserver, with its own password."""
    async with connect_proxy() as proxy:
        url = f"http://user:secret@127.0.0.1:{proxy.port}"
        async with Client(replace(client.credentials, proxy_url=url)) as proxied:
            assert await proxied.find(NAMESPACES, "default")

    (head,) = proxy.heads
    assert head.startswith(f"CONNECT 127.0.0.1:{apiserver.port} HTTP/1.1")
    assert "Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=" in head


async def test_acting_as_the_kubeconfig_says(apiserver: ControlPlane, tmp_path: Path) -> None:
    """A kubeconfig written for the control plane works, with its `as` and `as-groups`."""
    path = apiserver.write_kubeconfig(tmp_path / "kubeconfig", **{"as": "jäne", "as-groups": ["dev"]})

    async with Client(credentials.load(path, None, {})) as jane:
        assert await _who(jane) == "jäne"
