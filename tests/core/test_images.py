"""Image references, as container runtimes read them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubepreview.core.images import Reference
from kubepreview.errors import InvalidInput

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "wanted"),
    [
        ("nginx", "docker.io", "library/nginx", "latest"),
        ("nginx:1.29", "docker.io", "library/nginx", "1.29"),
        ("acme/web", "docker.io", "acme/web", "latest"),
        ("docker.io/nginx", "docker.io", "library/nginx", "latest"),
        ("index.docker.io/acme/web", "docker.io", "acme/web", "latest"),
        ("ghcr.io/acme/web/api:v1", "ghcr.io", "acme/web/api", "v1"),
        ("localhost/web", "localhost", "web", "latest"),
        ("localhost:5000/web:v1", "localhost:5000", "web", "v1"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b", "latest"),
        ("[::1]:5000/a", "[::1]:5000", "a", "latest"),
        ("host:5000/a", "host:5000", "a", "latest"),
        ("Host/a", "Host", "a", "latest"),
        (f"nginx@{_DIGEST}", "docker.io", "library/nginx", _DIGEST),
        (f"ghcr.io/acme/web:v1@{_DIGEST}", "ghcr.io", "acme/web", _DIGEST),
        ("a__b/c-d.e_f--g:A_b.C-1", "docker.io", "a__b/c-d.e_f--g", "A_b.C-1"),
    ],
)
def test_a_reference_names_registry_repository_and_version(
    text: str, registry: str, repository: str, wanted: str
) -> None:
    """Docker Hub where no host is written; `latest` where no tag is; the digest before the tag."""
    reference = Reference.parse(text)

    assert (reference.registry, reference.repository, reference.wanted) == (registry, repository, wanted)
    assert str(reference) == text


def test_a_pinned_reference_keeps_the_name_as_it_was_written() -> None:
    """Whoever reads it finds the image of the manifest again."""
    assert str(Reference.parse("nginx:1.29").pinned(_DIGEST)) == f"nginx@{_DIGEST}"
    assert str(Reference.parse("r:5000/a:1").pinned(_DIGEST)) == f"r:5000/a@{_DIGEST}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "write name:tag"),
        (":latest", "write name:tag"),
        ("https://ghcr.io/acme/web", "without a scheme"),
        ("web v1", "without spaces"),
        ("Web", "in lower case"),
        ("ghcr.io/Acme/web", "in lower case"),
        ("web@sha256:abc", "64 hexadecimal digits"),
        ("web@md5:" + "a" * 32, "64 hexadecimal digits"),
        ("web:" + "x" * 129, "write name:tag"),
        ("x" * 256, "write name:tag"),
        ("a//b", "write name:tag"),
        ("web:", "write name:tag"),
        ("web\n", "write name:tag"),
    ],
)
def test_what_is_no_reference_is_refused_with_a_hint(text: str, hint: str) -> None:
    """The text is shown, and how one is written."""
    with pytest.raises(InvalidInput, match="is not an image reference") as error:
        Reference.parse(text)

    assert hint in error.value.hint


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.from_regex(r"([a-z0-9.-]{1,8}(:[0-9]{1,4})?/)?[a-z0-9._/-]{1,12}(:[\w.]{1,8})?", fullmatch=True))
def test_a_reference_is_put_together_as_it_was_taken_apart(text: str) -> None:
    """Nothing is lost, and nothing is added."""
    try:
        reference = Reference.parse(text)
    except InvalidInput:
        return

    assert str(reference) == text
    assert Reference.parse(str(reference)) == reference
    assert reference.registry
    assert reference.repository
