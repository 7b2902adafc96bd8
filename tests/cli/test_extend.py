"""`extend` against a real apiserver, where a test speaks for the controller."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from kubepreview.kube.resources import PREVIEWS
from tests.cli.conftest import OPENED_AT, Cluster, up_at

_LATER = "2026-01-03T00:00:00Z"


def _lifetime(cluster: Cluster, scope: str) -> Object:
    found: Object = cluster.get(scope, 7)["spec"].get("lifetime", {})
    return found


def _expire(cluster: Cluster, scope: str) -> None:
    async def close() -> None:
        async with Client(cluster.plane.admin) as client:
            spec = {"state": "Closed", "stateReason": "Expired"}
            await client.patch(PREVIEWS, "pr-7", {"spec": spec}, scope)

    asyncio.run(close())


def test_each_wish_is_a_wish_of_its_own(cluster: Cluster, opened: Path, scope: str) -> None:
    """Twice three days are six: the second is not taken for the first."""
    cluster.type(opened, "extend", "7", "--for=3d", "--timeout=1s")
    first = _lifetime(cluster, scope)["extension"]
    cluster.type(opened, "extend", "7", "--for=3d", "--timeout=1s")
    second = _lifetime(cluster, scope)["extension"]

    assert (first["duration"], second["duration"]) == ("3d", "3d")
    assert first["id"] != second["id"]


def test_keep_and_its_opposite(cluster: Cluster, opened: Path, scope: str) -> None:
    """Each changes only that; a push keeps what was asked."""
    cluster.type(opened, "extend", "7", "--for=3d", "--timeout=1s")
    cluster.type(opened, "extend", "7", "--keep", "--timeout=1s")
    cluster.type(opened, *up_at(_LATER))
    kept = _lifetime(cluster, scope)
    cluster.type(opened, "extend", "7", "--no-keep", "--timeout=1s")

    assert (kept["keep"], kept["extension"]["duration"]) == (True, "3d")
    assert _lifetime(cluster, scope)["keep"] is False


def test_without_a_controller_it_says_so(cluster: Cluster, opened: Path) -> None:
    """The wish is written; nobody has granted it, and that is no success."""
    done = cluster.type(opened, "extend", "7", "--keep", "--timeout=1s")

    assert (done.code, done.out) == (4, "")
    assert "the controller said nothing of it" in done.err


def test_what_is_granted_is_printed(cluster: Cluster, opened: Path, scope: str) -> None:
    """The time at which it expires, alone on stdout."""
    status = {"observedGeneration": 2, "expiresAt": _LATER, "conditions": [_ready(2)]}
    cluster.write_status(scope, 7, status)

    done = cluster.type(opened, "extend", "7", "--for=3d", "--timeout=20s")

    assert (done.code, done.out) == (0, f"{_LATER}\n"), done.err


def _ready(generation: int) -> Object:
    said: Object = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": OPENED_AT}
    return {**said, "observedGeneration": generation}


@pytest.mark.parametrize(
    ("flags", "says"),
    [((), "--for 3d"), (("--for=3",), "not a duration"), (("--for=soon",), "not a duration")],
)
def test_a_wish_that_says_nothing_is_wrong_usage(
    cluster: Cluster, opened: Path, scope: str, flags: tuple[str, ...], says: str
) -> None:
    """Exit 2 with how it is written, and nothing is sent."""
    done = cluster.type(opened, "extend", "7", *flags)

    assert done.code == 2
    assert says in done.err
    assert _lifetime(cluster, scope) == {}


def test_what_is_closed_is_not_extended(cluster: Cluster, opened: Path, scope: str) -> None:
    """Exit 3; the way back is `up`."""
    cluster.type(opened, "down", "7", "--no-wait")

    done = cluster.type(opened, "extend", "7", "--for=3d")

    assert done.code == 3
    assert "`kubepreview up` opens it again" in done.err
    assert _lifetime(cluster, scope) == {}


def test_what_has_expired_opens_again_with_the_same_event(cluster: Cluster, opened: Path, scope: str) -> None:
    """The pull request is open as before: its job is run once more, and brings the preview back."""
    _expire(cluster, scope)

    assert cluster.type(opened, *up_at(OPENED_AT)).code == 0
    spec = cluster.get(scope, 7)["spec"]
    assert (spec["state"], spec["stateReason"]) == ("Open", "Requested")


def test_what_has_expired_and_is_closed_stays_closed(cluster: Cluster, opened: Path, scope: str) -> None:
    """Once somebody has closed it, a late job is fenced as always."""
    _expire(cluster, scope)
    cluster.type(opened, "down", "7", "--observed-at", OPENED_AT, "--no-wait")

    late = cluster.type(opened, *up_at(OPENED_AT))

    assert late.code == 3
    assert "fenced: this preview was closed" in late.err
