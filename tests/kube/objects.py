"""Small objects that tests write."""

from __future__ import annotations

from kubepreview.kube.resources import Object


def config_map(namespace: str, name: str, *, labels: dict[str, str] | None = None, **data: str) -> Object:
    """The simplest object there is."""
    metadata: Object = {"namespace": namespace, "name": name}
    if labels:
        metadata["labels"] = labels
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def crd(plural: str, kind: str, *, group: str = "tests.kubepreview.dev") -> Object:
    """A kind whose `spec.size` is a number that may not shrink."""
    rule = {
        "rule": "self.size >= oldSelf.size",
        "message": "a gadget does not shrink",
        "reason": "FieldValueForbidden",
        "fieldPath": ".size",
    }
    spec = {
        "type": "object",
        "properties": {"size": {"type": "integer", "minimum": 0}},
        "x-kubernetes-validations": [rule],
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }
