"""`publish`: what it pushes, without a cluster; by hand and as a step of a job."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kubepreview.core import artifact
from kubepreview.core.artifact import Bundle
from tests.commands import Ended, kubepreview
from tests.core.test_event import PAYLOAD
from tests.registry.standin import Asked, Said, StandIn, standin

_SHA: Final = "a" * 40
_IMAGE: Final = "r.example.com/web@sha256:" + "c" * 64


def _objects(**pod: Any) -> list[dict[str, Any]]:
    labels = {"app": "web"}
    container = {"name": "web", "image": "web", "env": [{"name": "SELF", "value": "shop.example.com"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], **pod}}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80}]},
        },
    ]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with a DaemonSet and a Service."""
    return _checkout(tmp_path, _objects())


def _checkout(folder: Path, objects: list[dict[str, Any]]) -> Path:
    (folder / ".github").mkdir(exist_ok=True)
    config = {"project": "shop", "manifests": {"files": ["app.yaml"]}, "images": ["web"]}
    (folder / ".github/preview.yml").write_text(yaml.safe_dump(config))
    (folder / "app.yaml").write_text(yaml.safe_dump_all(objects))
    return folder


def _takes_all(asked: Asked) -> Said:
    if asked.method == "POST":
        return Said(202, {"Location": "/upload"})
    return Said(404) if asked.method == "HEAD" else Said(201)


async def _type(registry: StandIn, checkout: Path, *flags: str) -> Ended:
    """In an environment that has no way to a cluster."""
    told = (f"--to={registry.host}/shop/previews", f"--sha={_SHA}", f"--image=web={_IMAGE}", *flags)
    environ = {"HOME": str(checkout), "PATH": "/usr/bin:/bin"}
    return await asyncio.to_thread(kubepreview, "publish", *told, environ=environ, directory=checkout)


def _bundle(registry: StandIn) -> Bundle:
    """What was pushed."""
    bodies = [one.body for one in registry.asked if one.method == "PUT"]
    layer = artifact.read_manifest(bodies[-1])
    return artifact.unpack(layer, bodies[-2], _SHA)


async def test_what_only_the_cluster_knows_is_left_as_it_is_written(checkout: Path) -> None:
    """Images are given by digest; host and DaemonSet are for the controller."""
    async with standin(_takes_all) as registry:
        ended = await _type(registry, checkout)
    bundle = _bundle(registry)
    daemon_set = next(each for each in bundle.manifests if each["kind"] == "DaemonSet")
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]

    assert (container["image"], container["env"][0]["value"]) == (_IMAGE, "shop.example.com")
    assert (bundle.entry.service, bundle.entry.port) == ("web", 80)
    digest = artifact.digest_of(registry.asked[-1].body)
    assert ended.done() == f"{registry.host}/shop/previews@{digest}\n"
    assert registry.lines[-1] == f"PUT /v2/shop/previews/manifests/{_SHA}"


async def test_the_same_commit_is_the_same_artifact(checkout: Path) -> None:
    """Byte by byte, so that to publish again is to publish nothing."""
    async with standin(_takes_all) as registry:
        first, second = [await _type(registry, checkout) for _ in range(2)]
    assert first.done() == second.done()


async def test_what_the_cluster_would_refuse_is_not_published(tmp_path: Path) -> None:
    """It is told where it is written."""
    checkout = _checkout(tmp_path, _objects(hostNetwork=True))
    async with standin(_takes_all) as registry:
        ended = await _type(registry, checkout)

    assert (ended.code, registry.asked) == (3, [])
    assert "nothing was published" in ended.err
    assert "hostNetwork" in ended.err


@pytest.mark.parametrize("to", ["", "https://r.example.com/x", "R/X", "r.example.com/x:tag"])
async def test_a_place_that_is_none_is_told(checkout: Path, to: str) -> None:
    """Before anything is sent."""
    async with standin(_takes_all) as registry:
        ended = await _type(registry, checkout, f"--to={to}")

    assert (ended.code, registry.asked) == (2, [])
    assert "--to" in ended.err
    assert "Traceback" not in ended.err


async def test_a_step_of_a_job_tells_what_it_has_published(checkout: Path, tmp_path: Path) -> None:
    """No kubeconfig is given, and none is missed."""
    runner = tmp_path / "runner"
    runner.mkdir()
    async with standin(_takes_all) as registry:
        inputs = {
            "command": "publish",
            "to": f"{registry.host}/shop/previews",
            "image": f"web={_IMAGE}",
        }
        environ = {
            **{f"KUBEPREVIEW_INPUT_{name.upper()}": value for name, value in inputs.items()},
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(runner / "event.json"),
            "GITHUB_OUTPUT": str(runner / "output"),
            "GITHUB_STEP_SUMMARY": str(runner / "summary"),
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
        }
        (runner / "event.json").write_text(json.dumps(PAYLOAD))
        ended = await asyncio.to_thread(kubepreview, "action", environ=environ, directory=checkout)

    ended.done()
    digest = artifact.digest_of(registry.asked[-1].body)
    assert f"{registry.host}/shop/previews@{digest}" in (runner / "output").read_text()
    assert f"Published `{registry.host}/shop/previews@{digest}`" in (runner / "summary").read_text()
