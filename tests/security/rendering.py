"""Render each of some checkouts and tell what came of it: ``python -m tests.security.rendering FOLDER …``.

A process of its own, so that it can be put into a network namespace without a way out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from kubepreview.errors import InvalidInput, KubepreviewError
from kubepreview.render.rendering import render
from kubepreview.render.sources import Entry, Files, Helm, Kustomize, Request, Source

_SOURCES: dict[str, Source] = {
    "kustomize": Kustomize("."),
    "helm": Helm(".", "demo"),
    "files": Files(("k8s",)),
}


async def told(folder: Path) -> dict[str, object]:
    """How it ended, what it said, and how long it took."""
    source = _SOURCES[json.loads((folder / "source.json").read_text())]
    request = Request(
        root=folder / "tree", source=source, host="pr-7.example.com", entry=Entry("web", 80, "/")
    )
    begun = time.monotonic()
    try:
        rendered = await render(request)
    except KubepreviewError as error:
        problems = error.problems if isinstance(error, InvalidInput) else ()
        outcome, said = "refused", "\n".join([str(error), *map(str, problems)])
    else:
        outcome, said = "rendered", json.dumps([rendered.objects, rendered.notes])
    return {"name": folder.name, "outcome": outcome, "said": said, "took_s": time.monotonic() - begun}


def main() -> None:
    """One after the other."""
    for folder in map(Path, sys.argv[1:]):
        sys.stdout.write(json.dumps(asyncio.run(told(folder))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
