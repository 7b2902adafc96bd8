"""What `up` makes of hostile objects, however they are written: refused, or made harmless and told so.

Rendering leaves out what staging may have and a preview not. What is left of such an object is then taken by
the early check and by the apiserver, which refuses the object as it was.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import pytest

from kubepreview.core.images import Reference
from kubepreview.core.podcheck import Limits
from kubepreview.core.precheck import check
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput, Problem
from kubepreview.kube.client import Client
from kubepreview.render.rendering import render
from kubepreview.render.sources import Entry, Rendered, Request
from tests.figures import Figures
from tests.security.apiserver import refusal
from tests.security.conftest import PREFIX, SPACE
from tests.security.forms import ENTRY, FORMS, lay_out, named
from tests.security.hostile import Hostile, corpus
from tests.security.hostile_pods import DIGEST

# No more objects than a preview may hold.
_BATCH: Final = 50
_NAME: Final = re.compile(r"x-\d{4}|(?<=Service/)kubernetes\b")
_LIMITS: Final = Limits(namespace=SPACE, image_prefixes=(PREFIX,))
_CORPUS: Final = named(list(corpus()))


class Outcome:
    """What became of each object, by its name."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.harmless: dict[str, Object | None] = {}

    def refuse(self, problems: Sequence[Problem]) -> set[str]:
        """Count those that the problems name; each problem tells what and, mostly, how to mend it."""
        assert all(problem.what and problem.where for problem in problems), problems
        new = {name for problem in problems for name in _NAME.findall(problem.where)}
        self.refused |= new
        return new


async def _resolve(reference: str) -> str:
    """As a registry would, which names the digest of a tag."""
    return str(Reference.parse(reference).pinned(DIGEST))


async def _rendered(form: str, root: Path, batch: Mapping[str, Hostile]) -> Rendered:
    source = lay_out(form, root, [each.object for each in batch.values()])
    request = Request(root=root, source=source, host="pr-7.example.com", entry=Entry(ENTRY, 80))
    return await render(request, resolve=_resolve)


async def _tried(form: str, root: Path, batch: Mapping[str, Hostile], outcome: Outcome) -> None:
    """Render until nothing is refused as a whole: one rendering tells only the first kind of problem."""
    left = dict(batch)
    for attempt in itertools.count():
        try:
            rendered = await _rendered(form, root / str(attempt), left)
            break
        except InvalidInput as refused:
            new = outcome.refuse(refused.problems)
            if not new:
                pytest.fail(f"{form}: it is not told which object is wrong: {refused}")
            left = {name: each for name, each in left.items() if name not in new}
    named_now = outcome.refuse(check(rendered.objects, _LIMITS))
    there = {obj["metadata"]["name"]: obj for obj in rendered.objects}
    for name, hostile in left.items():
        if name not in named_now:
            _assert_told(name, hostile, rendered.notes)
            outcome.harmless[name] = there.get(name)


def _assert_told(name: str, hostile: Hostile, notes: Sequence[str]) -> None:
    """A note names the object; or, where a tag was all that is wrong with it, the image."""
    about_images = hostile.attack.startswith("T37") and any(note.startswith("image ") for note in notes)
    told = [note for note in notes if name in note]
    assert told or about_images, f"{hostile.attack} in a {hostile.object['kind']} is taken without a word"


@pytest.mark.parametrize("form", FORMS)
async def test_no_form_hides_anything(form: str, admin: Client, figures: Figures, tmp_path: Path) -> None:
    """Every object is refused, or what is left of it is harmless, and its author is told."""
    outcome = Outcome()
    everything = list(_CORPUS.items())
    for start in range(0, len(everything), _BATCH):
        folder = tmp_path / str(start)
        folder.mkdir()
        await _tried(form, folder, dict(everything[start : start + _BATCH]), outcome)

    assert outcome.refused | outcome.harmless.keys() == _CORPUS.keys()
    assert not outcome.refused & outcome.harmless.keys()
    assert await _what_is_refused(outcome.harmless.values(), admin) == {}
    figures.count(f"as {form}", len(_CORPUS), len(_CORPUS))


async def _what_is_refused(objects: Iterable[Object | None], admin: Client) -> dict[str, str]:
    """The apiserver's words about each that it does not take; the same object is asked about once."""
    alike: dict[bytes, Object] = {}
    for obj in objects:
        if obj is not None:
            anonymous = {**obj, "metadata": {**obj["metadata"], "name": "x"}}
            alike[msgspec.json.encode(anonymous, order="sorted")] = anonymous
    said = {f"{obj['kind']}: {obj}": await refusal(obj, admin) for obj in alike.values()}
    return {title: words for title, words in said.items() if words}
