"""The entry point: it knows every room by name, and imports the one that is asked for."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from kubepreview.cli import root
from kubepreview.cli.caller import Caller
from kubepreview.cli.root import Row
from kubepreview.cli.streams import Streams

_BEGIN = "Begin"
_PREVIEW = "Previews"
_CLUSTER = "Cluster"

COMMANDS: Final[Mapping[str, Row]] = {
    "demo": Row(
        target="kubepreview.cli.demo:demo",
        summary="Show the whole story on a cluster of its own.",
        section=_BEGIN,
    ),
    "init": Row(
        target="kubepreview.cli.init:init",
        summary="Write .github/preview.yml for this repository.",
        section=_BEGIN,
    ),
    "doctor": Row(
        target="kubepreview.cli.doctor:doctor",
        summary="Check the cluster, and say how to mend what is missing.",
        section=_BEGIN,
    ),
    "up": Row(
        target="kubepreview.cli.up:up",
        summary="Ask for a preview and wait until it is served.",
        section=_PREVIEW,
    ),
    "test": Row(
        target="kubepreview.cli.test:test",
        summary="Run the project's test against a preview.",
        section=_PREVIEW,
    ),
    "status": Row(
        target="kubepreview.cli.status:status",
        summary="Show all that is known of a preview.",
        section=_PREVIEW,
    ),
    "list": Row(
        target="kubepreview.cli.list_previews:list_previews", summary="List the previews.", section=_PREVIEW
    ),
    "logs": Row(
        target="kubepreview.cli.logs:logs", summary="Print the logs of a preview's pods.", section=_PREVIEW
    ),
    "open": Row(
        target="kubepreview.cli.open_preview:open_preview",
        summary="Print a preview's link, or open it.",
        section=_PREVIEW,
    ),
    "extend": Row(
        target="kubepreview.cli.extend:extend", summary="Give a preview more time.", section=_PREVIEW
    ),
    "sleep": Row(
        target="kubepreview.cli.sleep:sleep",
        summary="Take a preview's pods away until it is wanted.",
        section=_PREVIEW,
    ),
    "wake": Row(
        target="kubepreview.cli.sleep:wake", summary="Bring a sleeping preview back.", section=_PREVIEW
    ),
    "evidence": Row(
        target="kubepreview.cli.evidence:evidence",
        summary="Show what is kept of one that failed or closed.",
        section=_PREVIEW,
    ),
    "approve": Row(
        target="kubepreview.cli.approve:approve",
        summary="Let a commit of a fork have its preview.",
        section=_PREVIEW,
    ),
    "down": Row(
        target="kubepreview.cli.down:down",
        summary="Close a preview and wait for the receipt.",
        section=_PREVIEW,
    ),
    "render": Row(
        target="kubepreview.cli.render:render",
        summary="Print the objects that `up` would send.",
        section=_PREVIEW,
    ),
    "publish": Row(
        target="kubepreview.cli.publish:publish",
        summary="Push them to a registry instead of a cluster.",
        section=_PREVIEW,
    ),
    "install": Row(
        target="kubepreview.cli.install:install", summary="Put kubepreview into a cluster.", section=_CLUSTER
    ),
    "uninstall": Row(
        target="kubepreview.cli.uninstall:uninstall",
        summary="Remove it, and say what is left.",
        section=_CLUSTER,
    ),
    "brake": Row(
        target="kubepreview.cli.brake:brake",
        summary="Show what too large a deletion holds back, or let it go.",
        section=_CLUSTER,
    ),
    "project": Row(
        target="kubepreview.cli.project:project", summary="Create and show projects.", section=_CLUSTER
    ),
    "cluster": Row(
        target="kubepreview.cli.cluster:cluster",
        summary="Run a Kubernetes node on this machine.",
        section=_CLUSTER,
    ),
    "oidc-token": Row(
        target="kubepreview.cli.oidc_token:oidc_token",
        summary="Print GitHub's token of a job, for kubeconfigs.",
    ),
    "action": Row(target="kubepreview.cli.action:action", summary="Run as a step of GitHub Actions."),
    "controller": Row(
        target="kubepreview.controller.command:controller", summary="Run the controller, inside a cluster."
    ),
    "webhook": Row(
        target="kubepreview.webhook.command:webhook", summary="Hear GitHub's webhooks, inside a cluster."
    ),
    "gateway": Row(
        target="kubepreview.gateway.command:gateway",
        summary="Answer for sleeping previews, inside a cluster.",
    ),
}


def main(argv: Sequence[str] | None = None, caller: Caller | None = None) -> int:
    """Run one command and return its exit code."""
    return root.run(COMMANDS, sys.argv[1:] if argv is None else argv, caller or _this_process())


def script() -> NoReturn:
    """Run the command that this process was started for, and end with its exit code.

    The end is abrupt on purpose: all is closed and written by then, and to take an interpreter down
    properly takes 80 ms, in which it frees what the kernel frees anyway.
    """
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1  # whoever read our output has gone
    os._exit(code)


def _this_process() -> Caller:
    environ = dict(os.environ)  # noqa: TID251  the entry point: read once here, passed on from here
    return Caller(
        streams=Streams.of(sys.stdout, sys.stderr, environ),
        environ=environ,
        directory=Path.cwd(),
        now=lambda: dt.datetime.now(dt.UTC),  # noqa: TID251  the entry point: the clock is passed on from here
    )


if __name__ == "__main__":
    script()
