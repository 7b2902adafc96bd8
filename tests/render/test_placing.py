"""Objects that were rendered for no place are the same in theirs as if it had been known."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from kubepreview.core import artifact
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput
from kubepreview.render.placing import Place, placed
from kubepreview.render.rendering import render
from kubepreview.render.sources import Files, Request

_PLACE: Final = Place(
    host="pr-7.shop.example.com", baseline_host="shop.example.com", baseline_namespace="shop-staging"
)
_FILES: Final = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {url: "https://shop.example.com/cart", db: "db.shop-staging.svc:5432"}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {selector: {app: db}, ports: [{port: 5432, name: tcp}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "r.example.com/web:v1", env: [{name: SELF, value: shop.example.com}]}
"""


async def _rendered(folder: Path, place: Place) -> tuple[Object, ...]:
    (folder / "app.yaml").write_text(_FILES)
    request = Request(
        root=folder,
        source=Files(("app.yaml",)),
        host=place.host,
        baseline_host=place.baseline_host,
        baseline_namespace=place.baseline_namespace,
        keep_daemon_sets=place.keep_daemon_sets,
    )
    return (await render(request)).objects


@pytest.mark.parametrize("place", [_PLACE, replace(_PLACE, keep_daemon_sets=True)])
async def test_it_is_the_same_whoever_knows_the_place(tmp_path: Path, place: Place) -> None:
    """Continuous integration that asks the cluster, or the controller that takes what it published."""
    nowhere = await _rendered(tmp_path, Place(host=artifact.HOST, keep_daemon_sets=True))
    assert placed(nowhere, artifact.HOST, place) == await _rendered(tmp_path, place)


def test_the_host_that_stands_for_it_gives_way() -> None:
    """As a whole name only."""
    data = {"url": f"http://{artifact.HOST}/a", "other": f"x{artifact.HOST}"}
    settings: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "s"}, "data": data}
    (found,) = placed((settings,), artifact.HOST, _PLACE)
    assert found["data"] == {"url": "http://pr-7.shop.example.com/a", "other": f"x{artifact.HOST}"}


def test_what_cannot_be_is_told() -> None:
    """With the object."""
    meta = {"metadata": {"name": "web"}, "spec": {}}
    both: tuple[Object, ...] = (
        {"apiVersion": "apps/v1", "kind": "DaemonSet", **meta},
        {"apiVersion": "apps/v1", "kind": "Deployment", **meta},
    )
    with pytest.raises(InvalidInput) as error:
        placed(both, artifact.HOST, _PLACE)
    assert "would become Deployment/web, which is there already" in str(error.value.problems[0])
