"""What both objects of the API group kubepreview.dev are made of: names, times, and values on the wire.

Field names are camelCase on the wire. Times are RFC 3339, always with an offset; durations are written
``90s``, ``30m``, ``8h`` or ``7d``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import fields

Object = dict[str, Any]
"""A Kubernetes object of any kind, as JSON gives it."""

EmbeddedObject = Annotated[
    Object,
    Meta(
        extra_json_schema={
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        }
    ),
]
# RFC 1123 names, as the apiserver checks them; 63 because the name becomes a label value too.
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
Host = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Duration = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}[smhd]$", examples=["90s", "30m", "8h", "7d"])]
# What may stand in a route: no character that any ingress controller has ever expanded (CVE-2026-24512).
UrlPath = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9._~/-]{0,128}$")]
# SHA-1 and SHA-256 repositories.
_SHA: Final = r"([0-9a-f]{40}|[0-9a-f]{64})"
Sha = Annotated[str, Meta(pattern=f"^{_SHA}$")]
Quantity = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]
Time = Annotated[dt.datetime, Meta(tz=True, extra_json_schema={"format": "date-time"})]
Text = Annotated[str, Meta(max_length=1024)]

Truth = Literal["True", "False", "Unknown"]
PodProfile = Literal["userns", "restricted"]


def is_sha(text: str) -> bool:
    """Whether this is the SHA of a commit in full."""
    return re.fullmatch(_SHA, text) is not None


class Wire(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value that crosses the wire; unknown fields are ignored, as an older reader must."""


def whole(value: Any) -> Any:
    """As plain data with every default in its place, which the wire leaves out."""
    if not isinstance(value, Struct):
        return value
    return {each.encode_name: whole(getattr(value, each.name)) for each in fields(value)}


class Metadata(Wire, frozen=True, kw_only=True):
    """The part of an object's metadata that the product reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
