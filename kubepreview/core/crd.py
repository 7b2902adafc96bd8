"""The CustomResourceDefinitions, made from the model so that the two cannot differ.

The rules in CEL are the fence (design, section 3): the apiserver keeps them whoever writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from kubepreview.core import keys
from kubepreview.core.model import Preview
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.wire import Object

Schema = dict[str, Any]

# Every message of a rule that fences a late writer begins with this word; the command line looks for it.
FENCED: Final = "fenced:"

_PREVIEW_NAME: Final = {"type": "string", "maxLength": 13, "pattern": "^pr-[1-9][0-9]{0,9}$"}
_PREVIEW_RULES: Final = (
    {
        # Converting this way round is what the apiserver can bound the cost of; names are `pr-…` by schema.
        "rule": "int(self.metadata.name.substring(3)) == self.spec.pullRequest.number",
        "message": "metadata.name must be pr-<spec.pullRequest.number>: one pull request has one preview",
    },
)
_SPEC_RULES: Final = (
    {
        "rule": "self.project == oldSelf.project",
        "message": "project cannot be changed; close this preview and open one in the other project",
    },
    {
        "rule": "self.pullRequest.number == oldSelf.pullRequest.number",
        "message": "pullRequest.number cannot be changed; another pull request has another preview",
    },
    {
        "rule": (
            "!(has(oldSelf.pullRequest.fromFork) && oldSelf.pullRequest.fromFork)"
            " || (has(self.pullRequest.fromFork) && self.pullRequest.fromFork)"
        ),
        "message": "pullRequest.fromFork cannot become false; a pull request does not change its repository",
    },
    {
        "rule": "self.revision.observedAt >= oldSelf.revision.observedAt",
        "message": f"{FENCED} revision.observedAt is older than what the cluster already knows",
    },
    {
        "rule": (
            "oldSelf.state == 'Open' || self.state == 'Closed' || oldSelf.stateReason == 'Expired'"
            " || self.revision.observedAt > oldSelf.revision.observedAt"
        ),
        "message": f"{FENCED} this preview was closed; only a later revision.observedAt opens it again",
    },
    {
        "rule": (
            "self.state == 'Closed' || (has(self.entry) && has(self.manifests) && size(self.manifests) > 0)"
            " || (has(self.artifact) && self.artifact != '' && !self.artifact.contains('@'))"
        ),
        "message": (
            "an Open preview needs entry and at least one object in manifests, or an artifact to wait for"
        ),
    },
)
_PROJECT_RULES: Final = (
    {
        "rule": "self.namespacePattern == oldSelf.namespacePattern",
        "message": "namespacePattern cannot be changed; create another project for a new one",
    },
)

_PREVIEW_COLUMNS: Final = (
    {"name": "State", "type": "string", "jsonPath": ".spec.state"},
    {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
    {"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].reason"},
    {"name": "Pods", "type": "string", "jsonPath": ".status.pods"},
    {"name": "URL", "type": "string", "jsonPath": ".status.url"},
    {"name": "Author", "type": "string", "jsonPath": ".spec.pullRequest.author"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Revision", "type": "string", "jsonPath": ".spec.revision.sha", "priority": 1},
    {"name": "Served", "type": "string", "jsonPath": ".status.served.sha", "priority": 1},
    {
        "name": "Message",
        "type": "string",
        "jsonPath": ".status.conditions[?(@.type=='Ready')].message",
        "priority": 1,
    },
)
_PROJECT_COLUMNS: Final = (
    {"name": "Repository", "type": "string", "jsonPath": ".spec.repository"},
    {"name": "Namespaces", "type": "string", "jsonPath": ".spec.namespacePattern"},
    {"name": "Hosts", "type": "string", "jsonPath": ".spec.hostPattern"},
    {"name": "Profile", "type": "string", "jsonPath": ".spec.podProfile"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
)


def custom_resource_definitions() -> tuple[Object, ...]:
    """The two CRDs, ready to be applied."""
    project, preview = _schema_of(PreviewProject), _schema_of(Preview)
    project["properties"]["spec"]["x-kubernetes-validations"] = list(_PROJECT_RULES)
    preview["properties"]["spec"]["x-kubernetes-validations"] = list(_SPEC_RULES)
    preview["x-kubernetes-validations"] = list(_PREVIEW_RULES)
    preview["properties"]["metadata"]["properties"] = {"name": _PREVIEW_NAME}
    return (
        _definition("PreviewProject", "previewprojects", project, columns=list(_PROJECT_COLUMNS)),
        _definition("Preview", "previews", preview, columns=list(_PREVIEW_COLUMNS), status=True),
    )


def _definition(
    kind: str, plural: str, schema: Schema, *, columns: list[Any], status: bool = False
) -> Object:
    version = {
        "name": keys.API_VERSION.partition("/")[2],
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "additionalPrinterColumns": columns,
        **({"subresources": {"status": {}}} if status else {}),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{keys.GROUP}", "labels": {keys.MANAGED: "true"}},
        "spec": {
            "group": keys.GROUP,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "versions": [version],
        },
    }


def _schema_of(model: type) -> Schema:
    (reference,), components = msgspec.json.schema_components([model])
    schema: Schema = _structural(reference, components)
    # The apiserver owns metadata: a schema may only narrow the name.
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def _structural(node: Any, components: Mapping[str, Any]) -> Any:
    """JSON Schema 2020-12 to the structural dialect of a CRD: references in place, no unions, no titles."""
    if isinstance(node, list):
        return [_structural(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        referred = components[node["$ref"].removeprefix("#/$defs/")]
        return _structural({**referred, **{k: v for k, v in node.items() if k != "$ref"}}, components)
    if "anyOf" in node:
        return _structural(_without_union(node), components)
    if "enum" in node and "type" not in node:
        return _structural({**node, "type": "string"}, components)
    return {
        key: _structural(value, components)
        for key, value in node.items()
        if not (
            (key == "title" and isinstance(value, str))
            or (key == "examples" and isinstance(value, list))
            or (key == "default" and value in ("", None, [], {}))
            or (key == "required" and not value)
        )
    }


def _without_union(node: Schema) -> Schema:
    """The two unions the model uses: a value or null (left out on the wire), integer or string."""
    rest = {key: value for key, value in node.items() if key not in ("anyOf", "default")}
    branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
    if len(branches) == 1:
        return {**branches[0], **rest}
    if {branch.get("type") for branch in branches} != {"integer", "string"}:
        raise ValueError(f"a CRD cannot express this union: {node}")
    return {**rest, "x-kubernetes-int-or-string": True}
