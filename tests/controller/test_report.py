"""What is put on record of a failure, by an apiserver whose answers are known."""

from __future__ import annotations

import json

import msgspec
import pytest
import structlog

from kubepreview.controller.metrics import Metrics
from kubepreview.controller.probe import Prober
from kubepreview.controller.queue import WorkQueue
from kubepreview.controller.report import failure_of, write_status
from kubepreview.controller.rooms import Rooms
from kubepreview.controller.tools import Tools
from kubepreview.controller.visits import Visits
from kubepreview.controller.watches import Watches
from kubepreview.core import keys
from kubepreview.core.model import Failure, PreviewStatus
from kubepreview.core.pods import Trouble
from kubepreview.kube.client import Client
from tests.core.examples import UID, preview
from tests.kube.oddserver import answer, odd_server, status

_SPACE = "rapidrar-pr-7"
_CRASH = Trouble(
    object="Pod/web-1 container web",
    reason="CrashLoopBackOff",
    message="it ended with exit code 7 (Error) and was restarted 3 times",
    pod="web-1",
    container="web",
)
_SAID = answer(200, "starting\ncannot open /etc/web.toml\n")
_LINES = ("starting", "cannot open /etc/web.toml")


def _tools(client: Client) -> Tools:
    log = structlog.stdlib.get_logger()
    watches, prober = Watches(client, WorkQueue()), Prober()
    return Tools(
        cluster=client,
        prober=prober,
        visits=Visits(watches, prober),
        rooms=Rooms(watches),
        metrics=Metrics(),
        log=log,
    )


def _recorded(*lines: str) -> PreviewStatus:
    failure = Failure(object=_CRASH.object, reason=_CRASH.reason, message=_CRASH.message, log_tail=lines)
    return PreviewStatus(failure=failure)


@pytest.mark.parametrize(
    "late",
    [
        answer(200, ""),
        answer(200, "unable to retrieve container logs for containerd://0123"),
        answer(400, status(400, "BadRequest")),
    ],
    ids=["empty", "removed", "refused"],
)
async def test_last_words_that_are_late_are_waited_for(late: bytes) -> None:
    """What is not there at first is asked for again, whichever way the kubelet says that it is not there."""
    async with odd_server(late, _SAID) as server, Client(server.credentials) as client:
        failure = await failure_of(_tools(client), preview(), _SPACE, _CRASH)

    assert failure is not None
    assert failure.log_tail == _LINES
    assert len(server.requests) == 2


async def test_no_last_words_are_no_fault_and_are_asked_for_on_the_next_visit() -> None:
    """The failure is put on record without them; they are added when they can be read."""
    silent = msgspec.structs.replace(preview(), status=_recorded())
    async with odd_server(*[answer(200, "")] * 3, _SAID) as server, Client(server.credentials) as client:
        without = await failure_of(_tools(client), preview(), _SPACE, _CRASH)
        later = await failure_of(_tools(client), silent, _SPACE, _CRASH)

    assert without is not None
    assert without.log_tail == ()
    assert later is not None
    assert later.log_tail == _LINES


async def test_the_last_words_of_one_end_are_read_once() -> None:
    """They do not change; nothing is asked of the kubelet again."""
    known = msgspec.structs.replace(preview(), status=_recorded(*_LINES))
    async with odd_server(_SAID) as server, Client(server.credentials) as client:
        failure = await failure_of(_tools(client), known, _SPACE, _CRASH)

    assert failure is known.status.failure
    assert server.requests == []


async def test_what_was_written_meanwhile_is_left_to_the_next_visit() -> None:
    """The apiserver answers with the object as it is by now; its new spec was not looked at by this visit."""
    known = PreviewStatus(namespace=_SPACE)
    meanwhile = {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": "pr-7", "namespace": "rapidrar-previews", "uid": UID, "generation": 2},
        "spec": msgspec.to_builtins(preview(state="Closed").spec),
        "status": msgspec.to_builtins(known),
    }
    said = answer(200, json.dumps(meanwhile))
    async with odd_server(said) as server, Client(server.credentials) as client:
        written = await write_status(_tools(client), preview(), known)

    assert written == msgspec.structs.replace(preview(), status=known)
