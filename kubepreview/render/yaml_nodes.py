"""YAML text → a tree of nodes with lines, in bounded time and memory whatever the text is.

The tree is built from libyaml's event stream, never by PyYAML's composer: the composer calls itself for
every level, in C, and half a megabyte of ``[`` ends the process. An alias is a second edge to the same
node; each node carries the weight it would have written out, so that a bomb is seen before it is built.
"""

from __future__ import annotations

import yaml
from msgspec import Struct, field
from yaml._yaml import Mark as CMark
from yaml.cyaml import CLoader

from kubepreview.errors import InvalidInput, Problem

# Kubernetes objects are about a dozen levels deep; the deepest schemas of custom resources reach fifty.
MAX_HEIGHT = 100
# Characters and nodes with every alias written out: eight times what a preview may hold in all.
MAX_WEIGHT = 4 * 1024 * 1024

_TEMPLATE_CURE = "this looks like the template of a Helm chart: name the chart, not its files"


class Node(Struct, kw_only=True):
    """One value of the text. `height` counts the levels below it."""

    line: int
    tag: str
    weight: int = 1
    height: int = 0


class Scalar(Node, kw_only=True):
    """A string, number, truth or nothing; which of them is for `scalars` to say."""

    text: str
    is_plain: bool


class Sequence(Node, kw_only=True):
    """A list."""

    items: list[Node] = field(default_factory=list)


class Mapping(Node, kw_only=True):
    """Keys and values in the order of the text, duplicates and merge keys included."""

    pairs: list[tuple[Node, Node]] = field(default_factory=list)


class Malformed(InvalidInput):
    """The text is not YAML, or more of it than a manifest may be."""

    def __init__(self, where: str, what: str, cure: str = "") -> None:
        super().__init__(f"{where}: {what}", problems=[Problem(where=where, what=what, cure=cure)])


def compose(text: str, file: str) -> list[Node]:
    """The root node of each document that is not empty. Raises Malformed at the first fault."""
    composer = _Composer(file)
    try:
        for event in yaml.parse(text, Loader=CLoader):
            composer.take(event)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark)
        cure = _TEMPLATE_CURE if "{{" in text else ""
        raise Malformed(f"{file}:{line}", f"is not YAML: {error.problem or error.context}", cure) from error
    except yaml.YAMLError as error:
        # A ReaderError: a character that YAML does not have. It knows an offset, but no line.
        what = " ".join(str(error).split())
        raise Malformed(file, f"is not YAML: {what}", "remove the character") from error
    return composer.roots


class _Composer:
    """Takes events and keeps what is still open on a stack of its own, so depth costs no recursion."""

    def __init__(self, file: str) -> None:
        self.roots: list[Node] = []
        self._file = file
        self._open: list[tuple[Sequence | Mapping, list[Node]]] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._add(_scalar(event), event.anchor)
            case yaml.AliasEvent():
                self._add(self._named(event), None)
            case yaml.SequenceStartEvent():
                self._begin(Sequence(line=_line(event.start_mark), tag=event.tag or ""), event.anchor)
            case yaml.MappingStartEvent():
                self._begin(Mapping(line=_line(event.start_mark), tag=event.tag or ""), event.anchor)
            case yaml.CollectionEndEvent():
                self._end()
            case yaml.DocumentEndEvent():
                self._anchors.clear()

    def _begin(self, node: Sequence | Mapping, anchor: str | None) -> None:
        if len(self._open) >= MAX_HEIGHT:
            self._refuse(node, f"is nested more than {MAX_HEIGHT} levels deep", "flatten it")
        if anchor:
            self._anchors[anchor] = node
        self._open.append((node, []))

    def _end(self) -> None:
        node, children = self._open.pop()
        node.weight += sum(child.weight for child in children)
        node.height = 1 + max((child.height for child in children), default=0)
        if node.weight > MAX_WEIGHT:
            self._refuse(node, "is too large with its aliases written out", "write it without aliases")
        if node.height > MAX_HEIGHT:
            self._refuse(node, f"is nested more than {MAX_HEIGHT} levels deep by its aliases", "flatten it")
        if isinstance(node, Sequence):
            node.items = children
        else:
            node.pairs = list(zip(children[::2], children[1::2], strict=True))
        self._add(node, None)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        if self._open:
            self._open[-1][1].append(node)
        elif not (isinstance(node, Scalar) and node.is_plain and node.text in ("", "~", "null")):
            self.roots.append(node)

    def _named(self, event: yaml.AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        where = f"{self._file}:{_line(event.start_mark)}"
        if node is None:
            raise Malformed(where, f"the alias *{event.anchor} has no anchor", "define it further up")
        if any(node is unfinished for unfinished, _ in self._open):
            raise Malformed(where, f"the alias *{event.anchor} contains itself", "write it without the alias")
        return node

    def _refuse(self, node: Node, what: str, cure: str) -> None:
        raise Malformed(f"{self._file}:{node.line}", what, cure)


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    is_plain = bool(event.implicit[0]) and not event.tag
    return Scalar(
        line=_line(event.start_mark),
        tag=event.tag or "",
        weight=1 + len(event.value),
        text=event.value,
        is_plain=is_plain,
    )


def _line(mark: yaml.Mark | CMark | None) -> int:
    return mark.line + 1 if mark else 1
