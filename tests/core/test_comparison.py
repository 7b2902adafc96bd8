"""What differs from the stable deployment is told by name, and no value of either is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.comparison import MOST, differences, digests_of
from kubepreview.core.wire import Object

from .examples import deployment, service

_DIGEST, _OTHER = f"sha256:{'c' * 64}", f"sha256:{'d' * 64}"


def _web(**container: Any) -> Object:
    obj = deployment()
    obj["spec"]["template"]["spec"]["containers"][0] |= container
    return obj


def _env(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        (_web(), _web(), ()),
        (_web(image=f"r/web@{_OTHER}"), _web(image=f"r/web@{_DIGEST}"), ("Deployment/web: image",)),
        (_web(image=f"r/web@{_OTHER}"), _web(image=f"s.io/web@{_OTHER}"), ("Deployment/web: image",)),
        # Of a tag nobody has said what it is, until a node has.
        (_web(image=f"redis@{_DIGEST}"), _web(image="redis:7"), ()),
        (_web(args=["-v"]), _web(), ("Deployment/web: args",)),
        (
            _web(env=_env(MODE="fast", NEW="1", SAME="s")),
            _web(env=_env(MODE="slow", OLD="2", SAME="s")),
            ("Deployment/web: variable MODE, variable NEW (only here), variable OLD (only there)",),
        ),
        (
            _web(env=[{"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
            _web(
                env=[
                    {
                        "name": "P",
                        "valueFrom": {"fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}},
                    }
                ]
            ),
            (),
        ),
        (
            _web(env=[{"name": "P", "valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}]),
            _web(env=[{"name": "P", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}]),
            ("Deployment/web: variable P",),
        ),
    ],
)
def test_a_difference_is_named(ours: Object, theirs: Object, told: tuple[str, ...]) -> None:
    """And what only the apiserver has put in is none."""
    assert differences([ours, service()], [theirs], {}) == told


def test_workloads_of_one_side_only_are_named() -> None:
    """Jobs run once, and are compared with nothing."""
    job = {**deployment("migrate"), "kind": "Job", "apiVersion": "batch/v1"}
    found = differences(
        [deployment("web"), deployment("new"), job], [deployment("web"), deployment("old")], {}
    )
    assert found == ("Deployment/new: only here", "Deployment/old: only there")


def test_what_a_node_says_of_a_tag_is_compared() -> None:
    """By the digest that runs."""
    pod = {
        "spec": {"containers": [{"name": "web", "image": "redis:7"}, {"name": "x", "image": "y"}]},
        "status": {"containerStatuses": [{"name": "web", "imageID": f"docker.io/library/redis@{_DIGEST}"}]},
    }
    digests = digests_of([pod, {}])
    assert digests == {"redis:7": _DIGEST}
    same, other = (_web(image=f"redis@{digest}") for digest in (_DIGEST, _OTHER))
    assert differences([same], [_web(image="redis:7")], digests) == ()
    assert differences([other], [_web(image="redis:7")], digests) == ("Deployment/web: image",)


def test_of_many_the_first_are_told_and_the_others_counted() -> None:
    """A status has its bounds."""
    found = differences([deployment(f"w{number:03}") for number in range(MOST + 5)], [deployment()], {})
    assert len(found) == MOST + 1
    assert found[-1] == "and 6 more"


_ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_ODD, st.sampled_from(["env", "image", "command", "args", "name"]))
def test_no_odd_container_breaks_it(odd: Any, key: str) -> None:
    """What an author wrote may have any shape."""
    assert isinstance(differences([_web(**{key: odd})], [_web()], {}), tuple)


def test_no_value_is_told() -> None:
    """Of a variable, an argument or a command."""
    value = "hunter22"
    changes: tuple[Callable[[Object], object], ...] = (
        lambda one: one.update(env=_env(P=value)),
        lambda one: one.update(args=[value]),
        lambda one: one.update(command=[value]),
    )
    for change in changes:
        other = copy.deepcopy(_web())
        change(other["spec"]["template"]["spec"]["containers"][0])
        for pair in ((_web(), other), (other, _web())):
            assert value not in str(differences([pair[0]], [pair[1]], {}))
