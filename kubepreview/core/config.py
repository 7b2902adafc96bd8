"""`preview.yml`: what a repository says of its previews. A document in; a Config, or every problem, out.

The JSON Schema that editors use, the check, and the reference page are made of these classes.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, TypeAlias

import jsonschema_rs
import msgspec
from jsonschema_rs import ValidationErrorKind as Kind
from msgspec import UNSET, Meta, Struct, UnsetType

from kubepreview.core.model import Entry
from kubepreview.core.wire import Name
from kubepreview.errors import InvalidInput, Problem

# Where a repository keeps it, in the order in which they are looked for.
FILE_NAMES: Final = (".github/preview.yml", ".github/preview.yaml", ".preview.yml")
SCHEMA_URL: Final = "https://kubepreview.dev/schemas/preview-v1alpha1.json"

Path: TypeAlias = tuple[str | int, ...]
Marks: TypeAlias = Mapping[Path, int]
"""The line of each value, by its path."""

_TYPES: Final = {
    "object": "a mapping",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
# `render` resolves symbolic links and refuses what lies outside the tree; an absolute path never fits.
Inside = Annotated[str, Meta(pattern=r"^[^/]", max_length=512)]
Wait = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}[smhd]$", examples=["90s", "5m", "1h"])]
ImageName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._/:-]*$", max_length=255)]


class _Part(
    Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A mapping of the file; a key that it does not know is a mistake, and told."""


class Helm(_Part, frozen=True, kw_only=True):
    """A chart in the repository."""

    chart: Annotated[Inside, Meta(description="The chart's folder, from the repository's root.")]
    release: Annotated[Name | UnsetType, Meta(description="The release's name; left out, the project's.")] = (
        UNSET
    )
    values: Annotated[
        tuple[Inside, ...], Meta(description="Values files, from the repository's root; later ones win.")
    ] = ()
    set: Annotated[
        dict[str, str | int | float | bool],
        Meta(description="Single values over those of the files: image.pullPolicy: Always."),
    ] = msgspec.field(default_factory=dict)


class Manifests(_Part, frozen=True, kw_only=True):
    """Where the objects come from: exactly one of these."""

    kustomize: Annotated[
        Inside | UnsetType, Meta(description="A folder with a kustomization, from the repository's root.")
    ] = UNSET
    helm: Helm | UnsetType = UNSET
    files: (
        Annotated[
            tuple[Inside, ...],
            Meta(
                description="Files and folders of plain manifests, from the repository's root.", min_length=1
            ),
        ]
        | UnsetType
    ) = UNSET


class Config(_Part, frozen=True, kw_only=True):
    """The previews of one repository. The platform team decides the rest, in the PreviewProject."""

    project: Annotated[Name, Meta(description="The PreviewProject that these previews belong to.")]
    namespace: Annotated[
        Name | UnsetType,
        Meta(description="The project's control namespace; left out, <project>-previews."),
    ] = UNSET
    manifests: Annotated[
        Manifests,
        Meta(
            description="Where the objects come from: exactly one of kustomize, helm and files.",
            extra_json_schema={"minProperties": 1, "maxProperties": 1},
        ),
    ]
    images: Annotated[
        tuple[ImageName, ...],
        Meta(
            description="Images that the workflow builds, as the manifests name them; `up` wants an "
            "--image for each.",
            max_length=32,
        ),
    ] = ()
    entry: Annotated[
        Entry | UnsetType,
        Meta(description="The Service, its port, and a path that answers; left out, read from the Ingress."),
    ] = UNSET
    test: Annotated[
        str,
        Meta(
            description="What `kubepreview test` runs, split like a shell would but run without one.",
            max_length=1024,
        ),
    ] = ""
    timeout: Annotated[Wait, Meta(description="How long `up` waits, for example 90s, 5m or 1h.")] = "5m"

    @property
    def control_namespace(self) -> str:
        """Where the project's Previews live."""
        return self.namespace if isinstance(self.namespace, str) else control_namespace(self.project)


def control_namespace(project: str) -> str:
    """Where a project's Previews live unless the file says otherwise."""
    return f"{project}-previews"


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, references in place, as editors and the check use it."""
    document = msgspec.json.schema(Config)
    body = _in_place({"$ref": document["$ref"]}, document["$defs"])
    # Entry is a wire object, which ignores what it does not know; a file is written by hand.
    body["properties"]["entry"]["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_URL,
        **body,
        "title": "preview.yml",
    }


def parse(document: Any, marks: Marks, file: str) -> Config:
    """The Config that the document holds; InvalidInput with every problem, each with its line and cure."""
    problems = list(_problems(document, marks, file))
    if problems:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InvalidInput(f"{file} has {count}", problems=problems, hint=f"its schema is {SCHEMA_URL}")
    return msgspec.convert(document, Config)


def _problems(document: Any, marks: Marks, file: str) -> Iterator[Problem]:
    definition = schema()
    for error in jsonschema_rs.Draft202012Validator(definition).iter_errors(document):
        path, node = tuple(error.instance_path), _node(definition, error.schema_path[:-1])
        for at, what, cure in _told(error, path, node):
            yield Problem(where=_where(file, marks, at), what=what, cure=cure)
    test = document.get("test") if isinstance(document, dict) else None
    if isinstance(test, str):
        try:
            shlex.split(test)
        except ValueError as error:
            yield Problem(where=_where(file, marks, ("test",)), what=str(error), cure="close every quote")


def _told(
    error: jsonschema_rs.ValidationError, path: Path, node: Mapping[str, Any]
) -> Iterator[tuple[Path, str, str]]:
    """Where, what is wrong, and what mends it."""
    about = str(node.get("description", "")).rstrip(".")
    match error.kind:
        case Kind.AdditionalProperties(unexpected=keys):
            for key in keys:
                yield (*path, key), f"unknown key {key!r}", _nearest(key, node["properties"])
        case Kind.Required(property=key):
            yield path, f"{key!r} is missing", str(node["properties"][key].get("description", "")).rstrip(".")
        case Kind.MinProperties() | Kind.MaxProperties():
            yield path, f"needs exactly one of {', '.join(node['properties'])}", "keep one of them"
        case _:
            yield path, _wrong_value(error, node), about


def _wrong_value(error: jsonschema_rs.ValidationError, node: Mapping[str, Any]) -> str:
    shown = _shown(error.instance)
    match error.kind:
        case Kind.Type():
            return f"must be {_TYPES[node['type']]}, not {shown}"
        case Kind.AnyOf():
            return f"must be {' or '.join(_TYPES[each['type']] for each in node['anyOf'])}, not {shown}"
        case Kind.Pattern(pattern=pattern):
            return f"{shown} does not fit here; it must match {pattern}"
        case Kind.MinItems():
            return "must not be empty"
        case _:
            return error.message


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004  what a line of a log bears


def _where(file: str, marks: Marks, path: Path) -> str:
    known = next((path[:length] for length in range(len(path), -1, -1) if path[:length] in marks), None)
    place = f"{file}:{marks[known]}" if known is not None else file
    return f"{place}: {_spelled(path)}" if path else place


def _spelled(path: Path) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return "".join(steps).removeprefix(".")


def _in_place(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_in_place(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        referred = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _in_place({**referred, **{k: v for k, v in node.items() if k != "$ref"}}, definitions)
    return {key: _in_place(value, definitions) for key, value in node.items()}


def _node(definition: Mapping[str, Any], path: list[str | int]) -> Mapping[str, Any]:
    node: Any = definition
    for step in path:
        node = node[step]
    return node if isinstance(node, dict) else {}
