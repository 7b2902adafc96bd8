"""What a list and a watch put on the wire, read no further than it has to be.

The objects themselves stay bytes (`msgspec.Raw`) until the caller's own decoder takes the fields it
wants: building full objects is what makes watching slow.
"""

from __future__ import annotations

import msgspec

from kubepreview.kube.store import Key


class Meta(msgspec.Struct, rename="camel"):
    """The part of an object's metadata that keeping it takes."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name


class Head(msgspec.Struct):
    """An object, seen by its metadata alone."""

    metadata: Meta = msgspec.field(default_factory=Meta)


class Frame(msgspec.Struct):
    """One line of a watch."""

    type: str
    object: msgspec.Raw


class ListMeta(msgspec.Struct, rename={"resource_version": "resourceVersion", "token": "continue"}):
    """Where a list stands, and how to get its next page."""

    resource_version: str = ""
    token: str = ""


class Page(msgspec.Struct):
    """One page of a list."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


head = msgspec.json.Decoder(Head)
frame = msgspec.json.Decoder(Frame)
page = msgspec.json.Decoder(Page)
