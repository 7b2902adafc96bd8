"""Running a credential plugin: one program in, one ExecCredential out."""

from __future__ import annotations

import asyncio
import base64
import sys
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

import msgspec

from kubepreview.errors import Failed
from kubepreview.kube.credentials import Credentials, ExecPlugin

# A browser log-in takes a person a while; a plugin that talks to nobody has no excuse.
_PATIENCE_S = 60.0
_PATIENCE_WITH_A_PERSON_S = 600.0


@dataclass(frozen=True, slots=True)
class Granted:
    """What a plugin gave: a token, a client certificate or both, and until when."""

    token: str = field(default="", repr=False)
    client_cert: bytes = field(default=b"", repr=False)
    client_key: bytes = field(default=b"", repr=False)
    expires_at: datetime | None = None


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _ExecCredential(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    status: _Status


async def run(plugin: ExecPlugin, credentials: Credentials) -> Granted:
    """Run the plugin and read what it printed; Failed with its own words when it gave nothing usable."""
    with_a_person = plugin.interactive_mode != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if plugin.interactive_mode == "Always" and not with_a_person:
        raise _failed(plugin, "wants a terminal (interactiveMode: Always), and there is none")
    try:
        child = await asyncio.create_subprocess_exec(
            plugin.command,
            *plugin.args,
            env={
                **plugin.environ,
                "KUBERNETES_EXEC_INFO": _exec_info(plugin, credentials, interactive=with_a_person),
            },
            stdin=None if with_a_person else DEVNULL,
            stdout=PIPE,
            stderr=None if with_a_person else PIPE,
        )
    except OSError as error:
        raise _failed(plugin, f"cannot be run: {error.strerror}") from error
    patience_s = _PATIENCE_WITH_A_PERSON_S if with_a_person else _PATIENCE_S
    try:
        async with asyncio.timeout(patience_s):
            printed, complained = await child.communicate()
    except TimeoutError as error:
        raise _failed(plugin, f"did not end within {patience_s:g} s") from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        words = (complained or b"").decode(errors="replace").strip()[-1000:]
        raise _failed(plugin, f"exited with {child.returncode}" + (f": {words}" if words else ""))
    return _read(plugin, printed)


def _read(plugin: ExecPlugin, printed: bytes) -> Granted:
    try:
        credential = msgspec.json.decode(printed, type=_ExecCredential)
    except ValueError as error:
        raise _failed(plugin, f"did not print an ExecCredential: {error}") from error
    if credential.kind != "ExecCredential" or credential.api_version != plugin.api_version:
        got = f"{credential.kind} of {credential.api_version}"
        raise _failed(plugin, f"printed {got}, not ExecCredential of {plugin.api_version}")
    status = credential.status
    if not status.token and not (status.client_certificate_data and status.client_key_data):
        raise _failed(plugin, "printed neither a token nor a client certificate with its key")
    return Granted(
        status.token,
        status.client_certificate_data.encode(),
        status.client_key_data.encode(),
        status.expiration_timestamp,
    )


def _exec_info(plugin: ExecPlugin, credentials: Credentials, *, interactive: bool) -> str:
    spec: dict[str, object] = {"interactive": interactive}
    if plugin.provide_cluster_info:
        spec["cluster"] = {
            "server": credentials.server,
            "insecure-skip-tls-verify": credentials.insecure,
            "certificate-authority-data": base64.b64encode(credentials.ca_data).decode(),
            "tls-server-name": credentials.tls_server_name,
            "proxy-url": credentials.proxy_url,
        }
    info = {"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}
    return msgspec.json.encode(info).decode()


def _failed(plugin: ExecPlugin, why: str) -> Failed:
    return Failed(f"credential plugin {plugin.command} ({plugin.place}): {why}", hint=plugin.install_hint)
