"""`render` and the reading of preview.yml, on a checkout and without any cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from kubepreview.cli import config_file
from kubepreview.errors import InvalidInput
from tests.cli.conftest import IMAGE, make_repository
from tests.commands import Ended, kubepreview

NO_CLUSTER = {"HOME": "/nonexistent"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one service."""
    return make_repository(tmp_path, "rapidrar-previews")


def render(checkout: Path, *argv: str) -> Ended:
    """Run `render` without a cluster and without a registry."""
    words = ("render", "--host", "pr-7.example.com", "--offline", *argv)
    return kubepreview(*words, environ=NO_CLUSTER, directory=checkout)


def test_render_prints_the_objects_as_they_are_sent(checkout: Path) -> None:
    """YAML documents on stdout, with the image's digest; what was changed is talk."""
    done = render(checkout, "--image", IMAGE)

    assert done.code == 0, done.err
    objects = list(yaml.safe_load_all(done.out))
    assert {obj["kind"] for obj in objects} == {"Deployment", "Service"}
    assert IMAGE.partition("=")[2] in done.out
    assert "entry: Service web, port 80, path /" in done.err


def test_render_gives_the_same_bytes_each_time(checkout: Path) -> None:
    """The same input gives the same output, so that a difference is a difference."""
    assert render(checkout, "--image", IMAGE).out == render(checkout, "--image", IMAGE).out


def test_render_as_json_is_one_list(checkout: Path) -> None:
    """`kubectl apply -f -` takes it, and so does `jq`."""
    assert json.loads(render(checkout, "-o", "json").out)["kind"] == "List"


def test_render_runs_from_any_folder_of_the_repository(checkout: Path) -> None:
    """The repository is found upwards; paths in preview.yml start at its root."""
    assert render(checkout / "k8s").out == render(checkout).out


def test_options_of_the_place_need_a_host(checkout: Path) -> None:
    """Without --host, the PreviewProject says what the baseline is."""
    done = kubepreview("render", "--keep-daemon-sets", environ=NO_CLUSTER, directory=checkout)

    assert done.code == 2
    assert "need --host" in done.err


def test_problems_of_the_file_are_told_with_their_lines(checkout: Path) -> None:
    """Exit code 2, and every problem as file:line."""
    (checkout / ".github/preview.yml").write_text(
        "project: 7\nmanifests:\n  kustomise: deploy\ntimeout: soon\n"
    )

    done = render(checkout)

    assert done.code == 2
    assert "  .github/preview.yml:1: project: must be a string, not 7" in done.err
    assert "  .github/preview.yml:3: manifests.kustomise: unknown key 'kustomise' (did you mean" in done.err
    assert '  .github/preview.yml:4: timeout: "soon" does not fit here' in done.err


def test_problems_of_the_manifests_are_told_with_their_lines(checkout: Path) -> None:
    """A damaged manifest exits 2 and names file and line."""
    (checkout / "k8s/web.yaml").write_text("kind: Service\nkind: Service\n")

    done = render(checkout)

    assert done.code == 2
    assert "k8s/web.yaml:2" in done.err


def test_without_a_preview_yml_the_way_to_one_is_told(tmp_path: Path) -> None:
    """`init` writes one."""
    done = render(tmp_path)

    assert done.code == 2
    assert "has no .github/preview.yml" in done.err
    assert "kubepreview init" in done.err


@pytest.mark.parametrize("name", [".github/preview.yml", ".github/preview.yaml", ".preview.yml"])
def test_the_file_is_found_under_each_of_its_names(checkout: Path, name: str) -> None:
    """Three names are accepted."""
    (checkout / ".github/preview.yml").rename(checkout / name)

    assert render(checkout).code == 0


def test_another_file_can_be_named(checkout: Path, tmp_path: Path) -> None:
    """--config names it; --root says where its paths start."""
    (checkout / ".github/preview.yml").rename(tmp_path / "other.yml")
    words = (
        "--host",
        "h.example.com",
        "--offline",
        "--config",
        str(tmp_path / "other.yml"),
        "--root",
        str(checkout),
    )

    assert kubepreview("render", *words, environ=NO_CLUSTER, directory=Path("/")).code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("project: a\nproject: b\nmanifests: {files: [x]}\n", "f.yml:2: the key 'project' is there twice"),
        ("a: b\n---\nc: d\n", "f.yml:3: a second document"),
        ("a: [\n", "f.yml:2: is not YAML"),
        ("[" * 50_000, "f.yml:1: is nested more than"),
        ("a: *b\n", "f.yml:1: the alias *b has no anchor"),
        ("project: 2024-01-01\nmanifests: {}\n", "f.yml:2: manifests: needs exactly one of"),
        ("", "f.yml: must be a mapping"),
    ],
)
def test_a_hostile_or_damaged_file_is_told_and_nothing_breaks(text: str, told: str) -> None:
    """Every fault is an answer with its line."""
    with pytest.raises(InvalidInput) as raised:
        config_file.parse(text, "f.yml")

    words = [raised.value.message, *map(str, raised.value.problems)]
    assert any(told in word for word in words), words


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """More than 64 KiB is refused before it is parsed."""
    (tmp_path / ".preview.yml").write_bytes(b"#" * 100_000)

    done = render(tmp_path)

    assert done.code == 2
    assert "more than 64 KiB" in done.err
