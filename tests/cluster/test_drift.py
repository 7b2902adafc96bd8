"""What somebody deletes or edits comes back, guards first; what he says he is trying is left to him."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kubepreview.core import keys
from tests.cluster.machine import eventually, kubectl
from tests.cluster.team import PROJECT, Team, application, sha

_FIRST, _SECOND, _THIRD = sha("1"), sha("2"), sha("3")
_NUMBER = 158
_SPACE = f"{PROJECT}-pr-{_NUMBER}"
_GUARD = keys.GUARD


@pytest.fixture(scope="module")
def preview(team: Team) -> Iterator[Path]:
    """A preview that is served."""
    root = team.checkout("drift", *application(team.image(_FIRST)))
    assert team.up(_NUMBER, root, _FIRST).code == 0
    yield root
    assert team.down(_NUMBER).code == 0


def _told(team: Team, kind: str, name: str, path: str) -> str:
    where = (f"--namespace={_SPACE}", "--ignore-not-found", f"--output=jsonpath={path}")
    return kubectl(team.cluster, "get", kind, name, *where)


def _quota(team: Team) -> str:
    return _told(team, "resourcequota", _GUARD, "{.spec.hard.pods}")


def _patch(team: Team, kind: str, name: str, **spec: object) -> None:
    body = json.dumps({"spec": spec})
    kubectl(team.cluster, "patch", kind, name, f"--namespace={_SPACE}", "--type=merge", f"--patch={body}")


def _image(team: Team) -> str:
    return _told(team, "deployment", "web", "{..containers[0].image}")


def _set_image(team: Team, commit: str) -> None:
    image = f"web={team.image(commit)}"
    kubectl(team.cluster, "set", "image", "deployment/web", image, f"--namespace={_SPACE}")


def _events(team: Team) -> str:
    where = (f"--namespace={PROJECT}-previews", "--field-selector=reason=Drift")
    return kubectl(team.cluster, "get", "events", *where, "--output=jsonpath={..message}{..note}")


def test_what_was_changed_by_hand_comes_back_and_is_told(team: Team, preview: Path) -> None:
    """Guards and objects, edited, emptied and deleted: all are as they were, and an Event names each edit."""
    assert preview
    rules = _told(team, "networkpolicy", _GUARD, "{.spec}")
    _patch(team, "networkpolicy", _GUARD, egress=[{}])
    _patch(team, "resourcequota", _GUARD, hard={"pods": "500", "limits.cpu": None})
    _patch(team, "ingress", _GUARD, rules=[{"host": "elsewhere.localhost"}])
    kubectl(team.cluster, "delete", "limitrange", _GUARD, f"--namespace={_SPACE}")
    kubectl(team.cluster, "delete", "service", "web", f"--namespace={_SPACE}")
    label = "pod-security.kubernetes.io/enforce=privileged"
    kubectl(team.cluster, "label", "namespace", _SPACE, label, "--overwrite")
    _set_image(team, _SECOND)

    def is_back() -> bool:
        return (
            _told(team, "networkpolicy", _GUARD, "{.spec}") == rules
            and _told(team, "resourcequota", _GUARD, "{.spec.hard['pods','limits\\.cpu']}") == "20 8"
            and _told(team, "ingress", _GUARD, "{..host}") == f"pr-{_NUMBER}.{PROJECT}.localhost"
            and _told(team, "limitrange", _GUARD, "{.metadata.name}") == _GUARD
            and _told(team, "service", "web", "{.metadata.name}") == "web"
            and "privileged" not in kubectl(team.cluster, "get", "namespace", _SPACE, "--show-labels")
            and _image(team) == team.image(_FIRST)
        )

    eventually(is_back, "all is as it was", timeout_s=60)
    told = _events(team)

    for what in (
        f"NetworkPolicy/{_GUARD}: spec.egress was changed by kubectl-patch, and was put back",
        f"ResourceQuota/{_GUARD}: spec.hard.pods was changed by kubectl-patch, and was put back",
        f"Ingress/{_GUARD}: spec.rules was changed by kubectl-patch, and was put back",
        f"Namespace/{_SPACE}: metadata.labels.pod-security.kubernetes.io/enforce was changed by",
        "Deployment/web: spec.template.spec.containers.[web].image was changed by kubectl-set",
    ):
        assert what in told
    eventually(lambda: team.ask(_NUMBER, "/version")[0] == 200, "it is served again")


def test_what_somebody_tries_by_hand_stays_until_the_next_push(team: Team, preview: Path) -> None:
    """The annotation says so. A look that puts back what is beside it shows that it was seen and left."""
    assert preview
    hands_off = f"{keys.HANDS_OFF}=true"
    kubectl(team.cluster, "annotate", "deployment/web", hands_off, f"--namespace={_SPACE}")
    _set_image(team, _SECOND)
    _patch(team, "resourcequota", _GUARD, hard={"pods": "400"})
    eventually(lambda: _quota(team) == "20", "somebody has looked", timeout_s=60)
    tried = _image(team)
    pushed = team.up(_NUMBER, team.checkout("drift", *application(team.image(_THIRD))), _THIRD)

    assert tried == team.image(_SECOND)
    assert pushed.code == 0, pushed.err
    assert _image(team) == team.image(_THIRD)
