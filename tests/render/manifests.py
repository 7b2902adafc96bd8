"""Small manifests for the tests of this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kubepreview.core.wire import Object
from kubepreview.render.manifests import Manifest


def of(kind: str, name: str = "web", api_version: str = "v1", **rest: Any) -> Manifest:
    """An object of a kind, and a place for it."""
    metadata = {"name": name, **rest.pop("metadata", {})}
    obj: Object = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}
    return Manifest(object=obj, where=f"{name}.yaml:1")


def deployment(name: str = "web", image: str = "web", **container: Any) -> Manifest:
    """A Deployment of one container."""
    labels = {"app": name}
    pod = {"containers": [{"name": "main", "image": image, **container}]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return of("Deployment", name, "apps/v1", spec={"selector": {"matchLabels": labels}, "template": template})


def service(name: str = "web", *ports: dict[str, Any], **spec: Any) -> Manifest:
    """A Service; port 80 unless others are given."""
    return of("Service", name, spec={"ports": list(ports) or [{"port": 80}], **spec})


def write(root: Path, files: dict[str, str]) -> Path:
    """Files of a checkout, by path."""
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return root


WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: main
          image: web
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports: [{port: 80}]
"""
