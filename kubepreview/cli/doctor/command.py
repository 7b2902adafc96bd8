"""The command: each check in turn, told as it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import click
from msgspec import Struct

from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connection_options
from kubepreview.cli.doctor import outside, reading
from kubepreview.cli.doctor.trial import Probe, try_pods
from kubepreview.cli.output import Format, output_option, write_data
from kubepreview.core import diagnosis
from kubepreview.core.diagnosis import Finding, Verdict
from kubepreview.errors import Failed, KubepreviewError, Unreachable
from kubepreview.kube import credentials
from kubepreview.kube.client import Client
from kubepreview.kube.retry import Patience

_SIGNS: Final[dict[Verdict, str]] = {"ok": "✓", "warn": "!", "fail": "✗", "unknown": "?"}
_INDENT: Final = " " * 4
# Whoever asks for a diagnosis wants to hear of a dead apiserver, not to wait for it.
_PATIENCE: Final = Patience(retry_for_s=3, connect_s=3)


class Options(Struct, frozen=True, kw_only=True):
    """What may be tried. Without an image, the controller's own is taken."""

    probe_image: str
    starts_pods: bool
    timeout_s: float


@click.command()
@click.option(
    "--probe-image",
    default="",
    metavar="REF",
    help="An image with python3, for the pods of the trials.  [default: the installed controller's]",
)
@click.option("--no-pods", is_flag=True, help="Start no pods: leaves network policies and users untried.")
@click.option(
    "--timeout", type=click.IntRange(5), default=90, show_default=True, help="Seconds for the pods to answer."
)
@output_option
@connection_options
@click.pass_obj
def doctor(
    caller: Caller,
    /,
    connection: Connection,
    output: Format,
    *,
    probe_image: str,
    no_pods: bool,
    timeout: int,
) -> None:
    """Check the cluster, and say how to mend what is missing.

    Two short-lived pods in a namespace of their own try whether network policies are enforced. Exit code
    1 if a check fails; what is only unknown or worth a warning does not.
    """
    options = Options(probe_image=probe_image, starts_pods=not no_pods, timeout_s=timeout)
    findings = asyncio.run(_examine(caller, connection, options, output))
    if output != "text":
        write_data(caller.streams, diagnosis.plain(findings), output)
    failed = [each.name for each in findings if each.verdict == "fail"]
    if failed:
        raise Failed(f"{len(failed)} of {len(findings)} checks failed: {', '.join(failed)}")


async def _examine(caller: Caller, connection: Connection, options: Options, output: Format) -> list[Finding]:
    found = credentials.load(connection.kubeconfig, connection.context, caller.environ)
    findings: list[Finding] = []
    async with Client(found, patience=_PATIENCE, now=caller.now) as client:
        async for finding in _checks(caller, client, options):
            findings.append(finding)
            if output == "text":
                caller.streams.data(_shown(finding))
    return findings


async def _checks(caller: Caller, client: Client, options: Options) -> AsyncIterator[Finding]:
    """All of them. Where the cluster does not answer, that is the one finding there is."""
    try:
        yield await reading.version(client)
    except Unreachable as error:
        cure = error.hint or "see that the apiserver runs, and that this machine reaches it"
        yield Finding(name="cluster", verdict="fail", seen=error.message, cure=cure)
        return
    projects, image = await reading.projects(client), await reading.controller_image(client)
    images = [each for each in (image,) if each]
    checks: list[tuple[str, Callable[[], Awaitable[Sequence[Finding]]]]] = [
        ("installation", lambda: reading.installed(client)),
        ("brakes", lambda: reading.brakes(client)),
        ("your rights", lambda: reading.rights(client)),
        ("ingress", lambda: reading.ingress(client, projects)),
        ("user namespaces", lambda: reading.user_namespaces(client, projects)),
        ("limits of nodes", lambda: reading.kubelets(client)),
        ("DNS", lambda: outside.wildcards(projects)),
        ("registries", lambda: outside.registries(diagnosis.registries(projects, images))),
    ]
    if options.starts_pods:
        probe = Probe(
            image=options.probe_image or image,
            now=caller.now(),
            timeout_s=options.timeout_s,
            projects=projects,
        )
        checks.append(("network policies", lambda: try_pods(client, probe)))
    for name, check in checks:
        for finding in await _made(name, check):
            yield finding


async def _made(name: str, check: Callable[[], Awaitable[Sequence[Finding]]]) -> Sequence[Finding]:
    """The check's findings; one that could not be made is known to be unknown."""
    try:
        return await check()
    except KubepreviewError as error:
        return [Finding(name=name, verdict="unknown", seen=error.message, cure=error.hint)]


def _shown(finding: Finding) -> str:
    lines = [f"{_SIGNS[finding.verdict]} {finding.name}: {finding.seen}"]
    if finding.cure and finding.verdict != "ok":
        lines.append(f"{_INDENT}→ {finding.cure}")
    return "\n".join(lines)
