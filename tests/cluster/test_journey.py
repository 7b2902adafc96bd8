"""One pull request from its first commit to its receipt, through the command line.

- up: ready means served, by this commit, through the ingress, with every guardrail in place
- a new commit: only the new answer counts; what it no longer brings is pruned
- down: route, pods and namespace are gone, and the receipt says when
- reopened: a later event opens it again; an older one never does
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

import pytest

from kubepreview.core import keys
from tests.cluster.machine import kubectl
from tests.cluster.team import Team, application, sha

_NUMBER = 7
_SPACE = "rapidrar-pr-7"
_FIRST, _SECOND = sha("1"), sha("2")


@pytest.fixture(scope="module")
def opened(team: Team) -> Iterator[Team]:
    """A preview of the first commit; it is closed when the tests of this module are over."""
    ended = team.up(_NUMBER, team.service(_FIRST, _NUMBER), _FIRST)
    assert ended.code == 0, ended.err
    yield team
    team.down(_NUMBER)


def test_up_prints_the_link_and_nothing_else(opened: Team) -> None:
    """Stdout is the link alone, so that `open "$(kubepreview up 7)"` works."""
    ended = opened.up(_NUMBER, opened.service(_FIRST, _NUMBER), _FIRST)

    port = opened.cluster.ingress[1]
    assert (ended.code, ended.out) == (0, f"http://pr-7.rapidrar.localhost:{port}/\n")


def test_the_link_answers_with_this_commit(opened: Team) -> None:
    """A visitor gets the commit that `up` was asked for."""
    code, text = opened.ask(_NUMBER, "/version")

    assert (code, json.loads(text)["sha"]) == (200, _FIRST)


def test_every_guardrail_is_in_place(opened: Team) -> None:
    """Pod Security, quota, limits, network policy, priority, user namespace, and no token."""
    space = json.loads(kubectl(opened.cluster, "get", "namespace", _SPACE, "--output=json"))
    (pod,) = json.loads(kubectl(opened.cluster, "-n", _SPACE, "get", "pods", "-o", "json"))["items"]

    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "baseline"
    for kind in ("resourcequota", "limitrange", "networkpolicy"):
        assert opened.names(kind, _SPACE) == [keys.GUARD]
    assert pod["spec"]["hostUsers"] is False
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert (pod["spec"]["priorityClassName"], pod["spec"]["preemptionPolicy"]) == (keys.GUARD, "Never")
    assert not any("projected" in volume for volume in pod["spec"].get("volumes", ()))


def test_the_objects_were_written_by_the_deployer(opened: Team) -> None:
    """The apiserver saw the preview's own service account, not the controller, write the Deployment."""
    deployer = keys.deployer_user(_SPACE)
    verbs = kubectl(opened.cluster, "auth", "can-i", "--list", f"--as={deployer}", f"--namespace={_SPACE}")
    elsewhere = kubectl(
        opened.cluster,
        "auth",
        "can-i",
        "create",
        "deployments",
        f"--as={deployer}",
        "-n",
        "default",
        check=False,
    )

    assert "deployments.apps" in verbs
    assert "ingresses" not in verbs
    assert elsewhere.strip() == "no"


def test_a_new_commit_is_ready_only_when_it_answers(opened: Team) -> None:
    """After `up` of the second commit every answer is the second's; a dropped object is pruned."""
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra"}, "data": {"a": "b"}}
    with_extra = opened.checkout("extra", *application(opened.image(_FIRST)), extra)
    assert opened.up(_NUMBER, with_extra, _FIRST).code == 0
    had = opened.names("configmap", _SPACE)

    ended = opened.up(_NUMBER, opened.service(_SECOND, _NUMBER), _SECOND)
    answers = {json.loads(opened.ask(_NUMBER, "/version")[1])["sha"] for _ in range(30)}

    assert ended.code == 0, ended.err
    assert answers == {_SECOND}
    assert ("extra" in had, "extra" in opened.names("configmap", _SPACE)) == (True, False)


def test_status_and_list_tell_what_is_served(opened: Team) -> None:
    """Both name the state and the link; status also the commit."""
    status = opened.type("status", "7", "--project=rapidrar")
    listed = opened.type("list", "--project=rapidrar")

    assert status.code == listed.code == 0
    assert "http://pr-7.rapidrar.localhost" in status.out
    assert "True" in listed.out


def test_an_event_that_knows_less_is_refused_by_the_cluster(opened: Team) -> None:
    """A job that was late for a newer commit is fenced: exit 3, and the message says so."""
    hour_ago = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat()  # noqa: TID251 - the test's clock

    ended = opened.up(_NUMBER, opened.service(_FIRST, _NUMBER), _FIRST, f"--observed-at={hour_ago}")

    assert ended.code == 3
    assert "older" in ended.err
    assert json.loads(opened.ask(_NUMBER, "/version")[1])["sha"] != _FIRST


def test_down_leaves_nothing_but_the_receipt(opened: Team) -> None:
    """The namespace is gone, the link leads nowhere, and a late `up` cannot bring it back."""
    before = dt.datetime.now(dt.UTC).isoformat()  # noqa: TID251 - the test's clock
    ended = opened.down(_NUMBER)
    late = opened.up(_NUMBER, opened.service(_FIRST, _NUMBER), _FIRST, f"--observed-at={before}")
    receipt = opened.preview(_NUMBER)["status"]["receipt"]

    assert ended.code == 0, ended.err
    assert _SPACE not in opened.names("namespace")
    assert opened.ask(_NUMBER, "/version")[0] == 404
    assert receipt["namespace"] == _SPACE
    assert all(receipt[each] for each in ("routeGoneAt", "podsGoneAt", "namespaceGoneAt"))
    assert (late.code, "fenced" in late.err or "closed" in late.err) == (3, True)
    assert _SPACE not in opened.names("namespace")


def test_a_later_event_opens_it_again(opened: Team) -> None:
    """A reopened pull request gets its preview back, and closing it again leaves nothing again."""
    again = opened.up(_NUMBER, opened.service(_SECOND, _NUMBER), _SECOND)
    answered = json.loads(opened.ask(_NUMBER, "/version")[1])["sha"]
    closed = opened.down(_NUMBER)

    assert (again.code, answered, closed.code) == (0, _SECOND, 0)
    assert _SPACE not in opened.names("namespace")


def test_closing_what_never_was_is_remembered(team: Team) -> None:
    """`down` before any `up` records the close, so that the deploy it overtook is refused."""
    early = dt.datetime.now(dt.UTC).isoformat()  # noqa: TID251 - the test's clock
    closed = team.down(8, f"--sha={_FIRST}")
    late = team.up(8, team.service(_FIRST, 8), _FIRST, f"--observed-at={early}")

    assert (closed.code, late.code) == (0, 3)
    assert "rapidrar-pr-8" not in team.names("namespace")
