"""Images: the pull request's own by name, every other one by the digest that its tag has now."""

from __future__ import annotations

import pytest

from kubepreview.core.images import Reference
from kubepreview.errors import NotFound, Unreachable
from kubepreview.render.images import pinned
from kubepreview.render.manifests import Manifest

from .manifests import deployment, of

_OURS = f"ghcr.io/acme/web@sha256:{'1' * 64}"
_TODAY = f"sha256:{'2' * 64}"


async def _today(reference: str) -> str:
    return str(Reference.parse(reference).pinned(_TODAY))


def _images(manifests: tuple[Manifest, ...]) -> list[str]:
    return [one.object["spec"]["template"]["spec"]["containers"][0]["image"] for one in manifests]


@pytest.mark.parametrize(
    ("written", "name", "is_ours"),
    [
        ("web", "web", True),
        ("web:v1", "web", True),
        (f"web@{_TODAY}", "web", True),
        ("localhost:5000/web:v1", "localhost:5000/web", True),
        ("ghcr.io/acme/web:v1", "ghcr.io/acme/web", True),
        ("acme/web", "web", False),
        ("web", "acme/web", False),
        ("docker.io/library/web", "web", False),
        ("web-api", "web", False),
    ],
)
async def test_an_image_is_replaced_by_its_exact_name(written: str, name: str, is_ours: bool) -> None:  # noqa: FBT001 - a column of the table
    """The name before tag and digest, as the manifest writes it, and nothing that only ends like it."""
    other = deployment("other", image=name)
    change = await pinned([deployment(image=written), other], {name: Reference.parse(_OURS)}, None)

    assert _images(change.manifests) == [_OURS if is_ours else written, _OURS]
    assert change.problems == ()


async def test_every_place_of_an_image_is_found() -> None:
    """Init, ordinary and ephemeral containers, and image volumes."""
    groups = {group: [{"image": "web"}] for group in ("initContainers", "containers", "ephemeralContainers")}
    pod = of(
        "Pod", spec={**groups, "volumes": [{"name": "v", "image": {"reference": "web"}}, {"emptyDir": {}}]}
    )
    change = await pinned([pod], {"web": Reference.parse(_OURS)}, None)

    assert str(change.manifests[0].object).count(_OURS) == 4
    assert change.notes == (f"image web: now {_OURS}",)
    assert "ghcr" not in str(pod.object)


async def test_tags_are_held_to_digests_and_digests_are_not_asked_for() -> None:
    """One question for each image, whichever objects use it; without a tag it is `latest`."""
    asked = []

    async def resolve(reference: str) -> str:
        asked.append(reference)
        return await _today(reference)

    manifests = [
        deployment(name, image=image) for name, image in [("a", "nginx"), ("b", "redis:7"), ("c", "redis:7")]
    ]
    change = await pinned([*manifests, deployment("d", image=_OURS)], {}, resolve)

    assert sorted(asked) == ["nginx", "redis:7"]
    assert _images(change.manifests) == [f"nginx@{_TODAY}", f"redis@{_TODAY}", f"redis@{_TODAY}", _OURS]
    assert change.notes[1] == f"image redis:7: held to {_TODAY}, which its tag stands for now"


async def test_without_a_registry_tags_stay_and_are_noted() -> None:
    """Rendering on a laptop without a network is possible, and honest."""
    change = await pinned([deployment(image="redis:7")], {}, None)

    assert _images(change.manifests) == ["redis:7"]
    assert change.notes == ("image redis:7: has no digest; what it stands for may change",)


async def test_an_own_image_by_tag_is_held_to_its_digest() -> None:
    """`up --image web=registry/web:pr-7` names a tag; what is applied is a digest."""
    change = await pinned([deployment()], {"web": Reference.parse("r.example.com/web:pr-7")}, _today)

    assert _images(change.manifests) == [f"r.example.com/web@{_TODAY}"]


async def test_an_image_that_goes_nowhere_is_a_problem() -> None:
    """Else the preview would show something else than what was built."""
    (problem,) = (
        await pinned([deployment(image="acme/web:1")], {"web": Reference.parse(_OURS)}, None)
    ).problems

    assert str(problem) == "preview.yml: images: no container has the image 'web' (there are: acme/web)"
    by_digest = [deployment(image=_OURS)]
    assert (await pinned(by_digest, {"web": Reference.parse(_OURS)}, None)).problems == ()


async def test_an_image_that_is_not_there_is_a_problem_of_its_object() -> None:
    """Every one of them is told, with the object that wants it."""

    async def resolve(reference: str) -> str:
        raise NotFound(f"resolve {reference}: the registry does not have it", hint="was it pushed?")

    problems = (
        await pinned([deployment("a", image="x:1"), deployment("b", image="y:1")], {}, resolve)
    ).problems

    assert [str(problem) for problem in problems] == [
        "a.yaml:1: Deployment/a has image x:1: resolve x:1: the registry does not have it (was it pushed?)",
        "b.yaml:1: Deployment/b has image y:1: resolve y:1: the registry does not have it (was it pushed?)",
    ]


async def test_a_registry_without_an_answer_is_no_problem_of_the_manifests() -> None:
    """The error passes as it is: trying again may help."""

    async def resolve(reference: str) -> str:
        raise Unreachable(f"resolve {reference}: no answer")

    with pytest.raises(Unreachable, match="no answer"):
        await pinned([deployment(image="x:1")], {}, resolve)


async def test_a_text_that_is_no_image_is_a_problem() -> None:
    """A chart without values often renders `:latest`."""
    (problem,) = (await pinned([deployment(image=":latest")], {}, _today)).problems

    assert "Deployment/web has an image that is none: ':latest' is not an image reference" in problem.what
