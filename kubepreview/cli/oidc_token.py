"""`oidc-token`: GitHub's word for who a job is, as a credential plugin of a kubeconfig gives it.

A job's token holds for some minutes, and `up` may wait longer: it is asked for anew whenever it is needed.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import ssl
from typing import Any, Final

import click
import msgspec

from kubepreview.cli.caller import Caller
from kubepreview.core import oidc
from kubepreview.errors import InvalidInput, Refused, Unreachable

ASKED_WITH: Final = ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
"""What the runner lets a job ask with, if it has the permission."""

_API_VERSION: Final = "client.authentication.k8s.io/v1"
_TIMEOUT_S: Final = 10.0
_PERMISSION: Final = "give the job `permissions: id-token: write`; a pull request of a fork cannot have it"


class _Answer(msgspec.Struct):
    value: str


class _Claims(msgspec.Struct):
    exp: int


@click.command(hidden=True)
@click.option("--audience", default=oidc.AUDIENCE, help="For whom it is.")
@click.pass_obj
def oidc_token(caller: Caller, /, audience: str) -> None:
    """Print an ExecCredential with a fresh token of this job."""
    token = _ask(caller, audience)
    status = {"token": token, "expirationTimestamp": _expiry(token)}
    caller.streams.data(json.dumps({"apiVersion": _API_VERSION, "kind": "ExecCredential", "status": status}))


def kubeconfig(server: str, certificate_authority: str, audience: str, command: list[str]) -> dict[str, Any]:
    """One cluster, and this command as who logs in to it. `command`: how this program is called here."""
    cluster = {"server": server}
    if certificate_authority:
        pem = certificate_authority.strip() + "\n"
        cluster["certificate-authority-data"] = base64.b64encode(pem.encode()).decode()
    plugin = {
        "apiVersion": _API_VERSION,
        "command": command[0],
        "args": [*command[1:], "oidc-token", f"--audience={audience or oidc.AUDIENCE}"],
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "job", "user": {"exec": plugin}}],
        "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "job"}}],
        "current-context": "cluster",
    }


def _ask(caller: Caller, audience: str) -> str:
    import httpx2  # noqa: PLC0415 — 60 ms that no other command needs

    url, bearer = (caller.environ.get(name, "") for name in ASKED_WITH)
    if not url or not bearer:
        raise InvalidInput("this job may not ask GitHub for a token", hint=_PERMISSION)
    headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json"}
    try:
        target = httpx2.URL(url).copy_merge_params({"audience": audience})
        trust = ssl.create_default_context()
        answer = httpx2.get(target, headers=headers, timeout=_TIMEOUT_S, verify=trust)
    except (httpx2.RequestError, httpx2.InvalidURL) as error:
        raise Unreachable(f"GitHub gives this job no token: {error}") from error
    if answer.status_code in (401, 403):
        raise Refused(f"GitHub gives this job no token: it answers {answer.status_code}", hint=_PERMISSION)
    try:
        return msgspec.json.decode(answer.content, type=_Answer).value
    except ValueError as error:
        raise Unreachable(f"GitHub gives this job no token: it answers {answer.status_code}") from error


def _expiry(token: str) -> str:
    """As the token itself says; nobody here checks its signature, which is for the apiserver to do."""
    try:
        payload = token.split(".")[1]
        claims = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        expires = dt.datetime.fromtimestamp(msgspec.json.decode(claims, type=_Claims).exp, dt.UTC)
    except (ValueError, IndexError, OverflowError, OSError, binascii.Error) as error:
        raise Unreachable("GitHub's token for this job is none") from error
    return f"{expires:%Y-%m-%dT%H:%M:%SZ}"
