"""The checkout: the one folder that is read, and only its regular files."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from kubepreview.render.documents import MAX_FILE_BYTES, Document, parse
from kubepreview.render.yaml_nodes import Malformed

# All files of one rendering together: ten times what a preview may hold.
_MAX_BYTES = 5 * 1024 * 1024
_OUTSIDE_CURE = "copy what is needed into the repository"


class Tree(Struct):
    """A checkout. Paths come in as an author wrote them, and are shown relative to `root`."""

    root: Path
    """Resolved: it has no link in it."""
    _left: int = _MAX_BYTES

    @classmethod
    def at(cls, root: Path) -> Tree:
        """The tree below `root`, which is a folder."""
        if not root.is_dir():
            raise Malformed(str(root), "is not a folder", "name the checkout")
        return cls(root.resolve())

    def shown(self, path: Path) -> str:
        """The path as a person would type it from the root."""
        return path.relative_to(self.root).as_posix()

    def find(self, written: str, *, start: Path | None = None, where: str = "") -> Path:
        """The file or folder that `written` names, seen from `start`, with all links followed.

        `where` is the place that names it; messages begin with it.
        """
        where = where or written
        if "\0" in written:
            raise Malformed(where, f"{written!r} is no path")
        base = start or self.root
        # Normalised first, so that a path that leaves the tree is told so even where nothing is there.
        plain = Path(_normal(base / written))
        if not plain.is_relative_to(self.root):
            raise Malformed(where, f"{written!r} is outside of the repository", _OUTSIDE_CURE)
        try:
            path = plain.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise Malformed(where, f"{written!r} is not there", "correct the path") from error
        if not path.is_relative_to(self.root):
            raise Malformed(where, f"{written!r} is a link that leads out of the repository", _OUTSIDE_CURE)
        if not (path.is_file() or path.is_dir()):
            raise Malformed(where, f"{written!r} is neither a regular file nor a folder", "remove it")
        return path

    def read(self, path: Path, *, where: str = "") -> bytes:
        """The bytes of a file found in this tree; one too many where it is larger than a file may be."""
        where = where or self.shown(path)
        if not path.is_file():
            raise Malformed(where, f"{self.shown(path)!r} is a folder, not a file", "name a file")
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise Malformed(where, f"cannot be read: {error.strerror}") from error
        self._left -= len(content)
        if self._left < 0:
            what = f"is more than is read in all, {_MAX_BYTES // 1024} KiB with the files before it"
            raise Malformed(where, what, "name the files that are manifests")
        return content

    def documents(self, path: Path) -> list[Document]:
        """The YAML or JSON documents of a file found in this tree."""
        return parse(self.read(path), self.shown(path))


def _normal(path: Path) -> str:
    """Without `.` and `..`, taken as text: `a/../b` is `b` also where `a` is a link."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and len(parts) > 1:
            parts.pop()
        elif part != "..":
            parts.append(part)
    return str(Path(*parts))
