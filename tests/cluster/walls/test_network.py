"""A preview connects to itself and DNS, and the ingress connects to it: proved on the running node.

Every place is reached by somebody whom no policy holds, so that a preview that does not reach it is held back
by its walls; by TCP and UDP, in both directions, also while the preview ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

from kubepreview.core.wire import Object
from tests.cluster.machine import apply, config_of, kubectl, namespace, pod, wait_until_ready
from tests.cluster.team import PROJECT, Team, application, sha
from tests.cluster.walls.inside import Places, probing, program
from tests.cluster.walls.places import INTERNET, METADATA, NODE_PORTS, Internet, put_up
from tests.figures import Figures

_Round: TypeAlias = dict[str, Any]

_COMMIT: Final = sha("9")
_HOSTILE, _NEIGHBOUR, _ALLOWED = 191, 192, 193
_SPACE, _NEXT = (f"{PROJECT}-pr-{number}" for number in (_HOSTILE, _NEIGHBOUR))
_STAGING: Final = "walls-staging"
_FRIEND: Final = "walls-friend"
# As long as a preview's pods may take to end.
_GRACE_S: Final = 60
_KUBECTL: Final = Path(sys.executable).with_name("kubectl")


@dataclass(frozen=True)
class Scene:
    """A hostile preview, another preview, staging, and what stands around the node."""

    team: Team
    internet: Internet
    outward: Places
    inward: Places
    # Those of `outward` that only the neighbour's own pods may reach.
    neighbours: frozenset[str]

    def reached(self, space: str, who: str, places: Places) -> set[str]:
        """What a pod reaches of these places, in one round."""
        (said,) = _rounds(kubectl(self.team.cluster, *_exec(space, who, places)))
        return set(said["answered"])

    @contextmanager
    def probing(self, space: str, who: str, places: Places) -> Iterator[list[_Round]]:
        """Have it try again and again, until its pod ends; the rounds are there when the block is left."""
        rounds: list[_Round] = []
        here = (str(_KUBECTL), f"--kubeconfig={self.team.cluster.kubeconfig}")
        command = (*here, *_exec(space, who, places, seconds=2 * _GRACE_S))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 — our own words
            assert process.stdout is not None
            rounds += _rounds(process.stdout.readline())
            yield rounds
            process.terminate()
            rounds += _rounds(process.stdout.read())


def _exec(space: str, who: str, places: Places, *, seconds: float = 0) -> tuple[str, ...]:
    return ("exec", f"--namespace={space}", who, "--", "python3", *probing(places, seconds=seconds))


def _rounds(text: str) -> list[_Round]:
    """Each line but one that was cut short with its pod."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("}\n")]


def _service(objects: list[Object], name: str) -> list[Object]:
    """A workload that answers by TCP and UDP, and takes its time to end."""
    deployment, service = objects
    deployment["metadata"]["name"] = service["metadata"]["name"] = name
    template = deployment["spec"]["template"]
    template["spec"]["terminationGracePeriodSeconds"] = _GRACE_S
    template["metadata"]["labels"] = deployment["spec"]["selector"]["matchLabels"] = {"app": name}
    service["spec"] = {
        "selector": {"app": name},
        "ports": [
            {"name": "http", "port": 80, "targetPort": 8080},
            {"name": "udp", "port": 81, "targetPort": 8080, "protocol": "UDP"},
        ],
    }
    return objects


def _checkout(team: Team, number: int, eager: Places | None = None) -> Path:
    """A web service, and a second workload beside it from which the first can be asked.

    With `eager`, it tries these places from its first instruction on.
    """
    command = ["python3", "-c", program("answer"), _COMMIT, ":8080"]
    image = team.image(_COMMIT)
    parts = [_service(application(image, command=command), name) for name in ("web", "peer")]
    if eager:
        first = {"name": "eager", "image": image, "command": ["python3", *probing(eager, seconds=3)]}
        parts[0][0]["spec"]["template"]["spec"]["initContainers"] = [first]
    entry = {"service": "web", "port": "http", "path": "/healthz"}
    return team.checkout(f"walls-{number}", *parts[0], *parts[1], entry=entry)


def _address(team: Team, space: str, selector: str) -> str:
    """Of the first pod that the labels select."""
    path = "jsonpath={.items[0].status.podIP}"
    return kubectl(team.cluster, "get", "pods", "-n", space, f"--selector={selector}", "-o", path)


def _service_address(team: Team, space: str, name: str) -> str:
    return kubectl(team.cluster, "get", "service", "-n", space, name, "-o", "jsonpath={.spec.clusterIP}")


def _both(name: str, team: Team, space: str) -> Places:
    """A workload's pod and its Service, by TCP and UDP."""
    pod_address, service = _address(team, space, "app=web"), _service_address(team, space, "web")
    return {
        f"{name}'s pod, TCP": ("tcp", pod_address, 8080),
        f"{name}'s pod, UDP": ("udp", pod_address, 8080),
        f"{name}'s Service, TCP": ("tcp", service, 80),
        f"{name}'s Service, UDP": ("udp", service, 81),
    }


def _of_the_cluster(team: Team, node: str) -> Places:
    """What every cluster has, and what the product brings."""
    registry = int(team.cluster.registry.rpartition(":")[2])
    services = {
        "the apiserver's Service": ("default", "kubernetes", 443),
        "the ingress": ("traefik", "traefik", 80),
        "the gateway": ("kubepreview-gateway", "kubepreview-gateway", 8080),
        "the controller": ("kubepreview-system", "kubepreview-controller", 8080),
    }
    dns = _address(team, "kube-system", "k8s-app=kube-dns")
    ingress = _address(team, "traefik", "app.kubernetes.io/name=traefik")
    return {
        **{name: ("tcp", _service_address(team, *where), port) for name, (*where, port) in services.items()},
        "the apiserver on the node": ("tcp", node, 6443),
        "the kubelet": ("tcp", node, 10250),
        "the registry": ("tcp", node, registry),
        "DNS, its health": ("tcp", dns, 8080),
        "DNS, its readiness": ("tcp", dns, 8181),
        "the ingress's pod": ("tcp", ingress, 8000),
        **{f"the node's port {port}": ("tcp", node, port) for port in NODE_PORTS},
        "metadata, TCP": ("tcp", METADATA, 80),
        "metadata, UDP": ("udp", METADATA, 80),
        "the internet, TCP": ("tcp", INTERNET, 443),
        "the internet, UDP": ("udp", INTERNET, 53),
    }


@pytest.fixture(scope="module")
def scene(team: Team) -> Iterator[Scene]:
    """Staging is as any namespace is; nothing guards it."""
    image = team.image(_COMMIT)
    command = ["python3", "-c", program("answer"), _COMMIT, ":8080"]
    staging = [*_service(application(image, command=command), "web"), pod("outside", image)]
    staging[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0
    for obj in staging:
        obj["metadata"]["namespace"] = _STAGING
    apply(team.cluster, namespace(_STAGING), *staging)
    kubectl(team.cluster, "rollout", "status", "deployment/web", "-n", _STAGING, "--timeout=60s")
    wait_until_ready(team.cluster, _STAGING, "outside")
    eager = _both("staging", team, _STAGING)
    team.up(_HOSTILE, _checkout(team, _HOSTILE, eager), _COMMIT).done()
    team.up(_NEIGHBOUR, _checkout(team, _NEIGHBOUR), _COMMIT).done()
    node = str(config_of(team.cluster).ranges.node)
    neighbours = _both("the neighbour", team, _NEXT)
    outward = {**_both("staging", team, _STAGING), **_of_the_cluster(team, node), **neighbours}
    outward["staging, by name"] = ("tcp", f"web.{_STAGING}.svc.cluster.local", 80)
    with put_up(team.cluster, node) as internet:
        yield Scene(team, internet, outward, _both("the preview", team, _SPACE), frozenset(neighbours))
    for number in (_HOSTILE, _NEIGHBOUR):
        team.down(number).done()
    kubectl(team.cluster, "delete", "namespace", _STAGING, "--wait=false")


def _ours(scene: Scene) -> Places:
    """What a preview may reach, and no more."""
    dns = _service_address(scene.team, "kube-system", "kube-dns")
    return {
        "itself, TCP": ("tcp", "peer", 80),
        "itself, UDP": ("udp", "peer", 81),
        "DNS": ("tcp", dns, 53),
    }


def test_each_place_is_reached_by_somebody(scene: Scene) -> None:
    """A pod of staging, and the neighbour's own: otherwise nothing would be proved by what is not reached."""
    others = {name: place for name, place in scene.outward.items() if name not in scene.neighbours}
    neighbours = {name: scene.outward[name] for name in scene.neighbours}

    assert scene.reached(_STAGING, "pod/outside", others) == others.keys()
    assert scene.reached(_NEXT, "deployment/peer", neighbours) == neighbours.keys()
    assert scene.reached(_SPACE, "deployment/peer", scene.inward) == scene.inward.keys()
    of_staging = _both("staging", scene.team, _STAGING)
    assert scene.internet.reached(of_staging) == of_staging.keys()


def test_a_preview_reaches_itself_and_dns(scene: Scene) -> None:
    """What every application needs."""
    places = _ours(scene)
    assert scene.reached(_SPACE, "deployment/web", places) == places.keys()


def test_a_preview_reaches_nothing_else(scene: Scene, figures: Figures) -> None:
    """Not the neighbour, not staging, nothing of the cluster or the node, and nothing beyond."""
    assert len(scene.outward) >= 24
    reached = scene.reached(_SPACE, "deployment/web", scene.outward)

    figures.count("connections out", len(reached), len(scene.outward))
    assert reached == set()


def test_a_preview_reaches_nothing_from_its_first_instruction(scene: Scene, figures: Figures) -> None:
    """The walls stand before it starts, where the project has its pods wait for that."""
    logs = ("logs", f"--namespace={_SPACE}", "deployment/web", "--container=eager")
    rounds = _rounds(kubectl(scene.team.cluster, *logs))
    reached = {name for each in rounds for name in each["answered"]}

    figures.count("connections out, starting", len(reached), 4)
    assert rounds
    assert reached == set()


def test_nobody_reaches_a_preview_past_the_ingress(scene: Scene, figures: Figures) -> None:
    """Not another preview, not a pod of staging, and nobody from beyond the cluster."""
    reached = {
        "the neighbour": scene.reached(_NEXT, "deployment/web", scene.inward),
        "staging": scene.reached(_STAGING, "pod/outside", scene.inward),
        "the internet": scene.internet.reached(scene.inward),
    }

    figures.count("connections in", sum(map(len, reached.values())), len(reached) * len(scene.inward))
    assert not any(reached.values()), reached


def test_names_of_others_can_be_looked_up(scene: Scene, figures: Figures) -> None:
    """DNS knows no rights: a preview learns that a Service is there, and its address, and cannot connect."""
    names = [f"web.{_STAGING}.svc", f"web.{_NEXT}.svc", "kubernetes.default.svc"]
    look = "import socket, sys; [socket.gethostbyname(f'{name}.cluster.local') for name in sys.argv[1:]]"
    kubectl(
        scene.team.cluster,
        *("exec", f"--namespace={_SPACE}", "deployment/web", "--", "python3", "-c", look, *names),
    )

    figures.count("names of others", len(names), len(names))


def test_a_preview_reaches_what_its_project_names(scene: Scene) -> None:
    """A namespace at one port; its status says so, and everything else is as closed as before."""
    team = scene.team.with_project(_FRIEND, f"--egress=namespace/{_STAGING}=8080")
    team.up(_ALLOWED, _checkout(team, _ALLOWED), _COMMIT).done()
    space = f"{_FRIEND}-pr-{_ALLOWED}"
    reached = scene.reached(space, "deployment/web", scene.outward)
    said = team.type("status", str(_ALLOWED), f"--project={_FRIEND}").done()
    team.down(_ALLOWED).done()
    team.leave_project()

    assert reached == {"staging's pod, TCP", "staging's Service, TCP", "staging, by name"}
    assert f"may reach  namespace {_STAGING} at 8080/TCP" in said


# last, because the preview is gone after it


def test_a_preview_that_ends_reaches_and_is_reached_no_further(scene: Scene, figures: Figures) -> None:
    """Its pods ignore that they should end, and it is tried all the while, in both directions."""
    with (
        scene.probing(_SPACE, "deployment/web", scene.outward) as outward,
        scene.probing(_STAGING, "pod/outside", scene.inward) as inward,
    ):
        scene.team.down(_HOSTILE).done()

    out, into = ({name for each in rounds for name in each["answered"]} for rounds in (outward, inward))
    figures.count("connections out, ending", len(out), len(scene.outward))
    figures.count("connections in, ending", len(into), len(scene.inward))
    assert any(each["ending"] for each in outward), "it was not tried after the preview was told to end"
    assert out | into == set()
