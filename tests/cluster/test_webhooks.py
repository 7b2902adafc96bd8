"""A webhook makes the controller look at once: both are the real ones, with their own rights.

They run outside of the cluster, where they reach the GitHub that stands in, and it them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from kubepreview.kube.wait import wait_until
from tests.cluster.github_scene import OPENED, staged
from tests.cluster.hearing import hearing, may_hear
from tests.cluster.team import Team

_PROJECT = "hinted"
_REPOSITORY = f"acme/{_PROJECT}"
_NUMBER = 341
_SECRET = b"only GitHub knows it"


@pytest.fixture(scope="module")
def hinted(team: Team) -> Iterator[Team]:
    """A project, in a cluster that may hear webhooks for as long."""
    with may_hear(team):
        hinted = team.with_project(_PROJECT)
        yield hinted
        hinted.leave_project()


@pytest.mark.timeout(180)
async def test_a_close_is_seen_as_soon_as_github_tells_of_it(hinted: Team, tmp_path: Path) -> None:
    """By a controller that would look again in an hour."""
    body = json.dumps(
        {"repository": {"full_name": _REPOSITORY}, "pull_request": {"number": _NUMBER}}
    ).encode()
    signature = hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}", "x-github-delivery": "one"}
    async with (
        staged(hinted, tmp_path, interval_s=3600) as scene,
        hearing(hinted, tmp_path, _SECRET) as address,
    ):
        scene.github.open(_REPOSITORY, _NUMBER, OPENED)
        assert (await scene.up(_NUMBER)).code == 0
        await scene.until(_NUMBER, "True", "Open")
        scene.github.close(_REPOSITORY, _NUMBER, OPENED + dt.timedelta(hours=1))

        async def delivered() -> bool | None:
            async with httpx2.AsyncClient() as client:
                try:
                    response = await client.post(address, content=body, headers=headers)
                except httpx2.RequestError:
                    return None  # it is on its way up
                return response.status_code == 202 or None

        await wait_until(delivered, what="the delivery is believed", timeout_s=60)
        await scene.until(_NUMBER, "False", "Closed", "Ready")
