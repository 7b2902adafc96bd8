"""Every hostile object is refused, by each wall alone, and its author is told where, why and what to do.

The early check is asked with the apiserver off, and the apiserver with the early check off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from kubepreview.core.podcheck import Limits
from kubepreview.core.precheck import check
from kubepreview.core.refusals import with_cure
from kubepreview.core.wire import Object
from kubepreview.kube.client import Client
from tests.figures import Figures
from tests.security.apiserver import refusal
from tests.security.conftest import PREFIX, SPACE
from tests.security.hostile import Hostile, benign, corpus

_CORPUS: Mapping[str, Sequence[Hostile]] = {
    attack: [each for each in corpus() if each.attack == attack]
    for attack in dict.fromkeys(each.attack for each in corpus())
}
_LIMITS = Limits(namespace=SPACE, image_prefixes=(PREFIX,))
_BENIGN = [pytest.param(obj, id=obj["kind"]) for obj in benign()]


def test_the_corpus_is_large() -> None:
    """Enough objects of enough classes that a wall with a hole would be seen."""
    assert len(_CORPUS) >= 40
    assert sum(map(len, _CORPUS.values())) >= 300


@pytest.mark.parametrize("attack", _CORPUS)
def test_the_early_check_alone_refuses(attack: str, figures: Figures) -> None:
    """It names the object, the field, the rule and the cure."""
    for hostile in _CORPUS[attack]:
        obj = hostile.object
        problems = check([obj], _LIMITS)

        named = [problem for problem in problems if hostile.field in problem.where]
        is_explained = bool(named) and all(each.what and each.cure for each in problems)
        figures.count("hostile refused early", bool(problems))
        figures.count("hostile explained", is_explained)
        assert named, f"{attack} in a {obj['kind']} is not seen: {problems}"
        for problem in problems:
            assert problem.where.startswith(f"{obj['kind']}/{obj['metadata']['name']}: "), problem
            assert problem.what, problem
            assert problem.cure, problem


@pytest.mark.parametrize("attack", _CORPUS)
async def test_the_apiserver_alone_refuses(attack: str, admin: Client, figures: Figures) -> None:
    """When it is sent, or when the pods would be made that it asks for; and something mends it."""
    for hostile in _CORPUS[attack]:
        words = await refusal(hostile.object, admin)
        figures.count("hostile refused", bool(words))

        assert words, f"{attack} in a {hostile.object['kind']} is taken"
        assert " → " in with_cure(words) or "; " in words, words


@pytest.mark.parametrize("obj", _BENIGN)
async def test_what_is_ordinary_is_taken(obj: Object, admin: Client) -> None:
    """What the hostile ones are made of: a wall that refuses everything would prove nothing."""
    assert check([obj], _LIMITS) == []
    assert await refusal(obj, admin) == ""
