"""The workflow that `init` writes, and our own, have no fault that actionlint or zizmor know of."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kubepreview.core import workflow
from kubepreview.core.workflow import Build, Choices
from kubepreview.errors import Failed
from kubepreview.localcluster import command
from tests.action.programs import actionlint

_ROOT: Final = Path(__file__).parents[2]
_ZIZMOR: Final = Path(sys.executable).with_name("zizmor")
_ACTION: Final = "f" * 40 + " # v0.1.0"
_ONE = Build(name="shop", pushed="ghcr.io/acme/shop", dockerfile="Dockerfile")
_OTHER = Build(name="ghcr.io/acme/b", pushed="ghcr.io/acme/shop/b", dockerfile="b's/Dockerfile")
_CHOICES: Final = {
    "one image and a test": Choices(project="shop", action=_ACTION, builds=(_ONE,), has_test=True),
    "two images": Choices(project="shop", action=_ACTION, builds=(_ONE, _OTHER)),
    "another registry": Choices(project="shop", action=_ACTION, builds=(_ONE,), registry="r.example.com"),
    "no image": Choices(project="shop", action=_ACTION),
    "GitHub's token": Choices(
        project="shop",
        action=_ACTION,
        builds=(_ONE,),
        has_test=True,
        server="https://k8s.example.com:6443",
        certificate_authority="-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    ),
    "published": Choices(
        project="shop", action=_ACTION, builds=(_ONE,), has_test=True, artifacts="ghcr.io/acme/shop/previews"
    ),
    "published elsewhere": Choices(
        project="shop", action=_ACTION, registry="r.example.com", artifacts="r.example.com/shop/previews"
    ),
}


def _repository(folder: Path, choices: Choices) -> Path:
    target = folder / workflow.FILE
    target.parent.mkdir(parents=True)
    target.write_text(workflow.text(choices))
    return folder


async def _lint(folder: Path) -> None:
    """As strict as zizmor can be without asking GitHub; and actionlint has no degrees."""
    words = ["--offline", "--persona=auditor", "--no-progress", "--color=never", "."]
    (await command.run([_ZIZMOR, *words], cwd=folder, timeout_s=60)).or_fail("zizmor")
    files = sorted((folder / ".github/workflows").glob("*.yml"))
    assert files
    told = await command.run([await actionlint(), "-no-color", *files], cwd=folder, timeout_s=60)
    assert (told.code, told.stdout) == (0, "")


@pytest.mark.parametrize("which", _CHOICES)
async def test_two_linters_find_nothing_in_what_init_writes(tmp_path: Path, which: str) -> None:
    """Not even what only an auditor would mention."""
    await _lint(_repository(tmp_path, _CHOICES[which]))


async def test_the_linters_are_awake(tmp_path: Path) -> None:
    """What an author could do with a title, they find."""
    folder = _repository(tmp_path, _CHOICES["no image"])
    with (folder / workflow.FILE).open("a") as file:
        file.write("      - run: echo ${{ github.event.pull_request.title }}\n")
    with pytest.raises(Failed, match="zizmor failed"):
        await _lint(folder)


async def test_two_linters_find_nothing_in_our_own(tmp_path: Path) -> None:
    """Workflows and action."""
    shutil.copytree(_ROOT / ".github", tmp_path / ".github")
    shutil.copy(_ROOT / "action.yml", tmp_path)
    await _lint(tmp_path)


_PUSHES = {"opened", "synchronize", "reopened"}


def _jobs(choices: Choices) -> dict[str, Any]:
    # A loader without types: to YAML 1.1 the word `on` is a boolean.
    found: dict[str, Any] = yaml.load(workflow.text(choices), Loader=yaml.BaseLoader)  # noqa: S506 - text only
    assert set(found["on"]) == {"pull_request"}
    more = set() if choices.artifacts else {"closed", "ready_for_review", "converted_to_draft"}
    assert set(found["on"]["pull_request"]["types"]) == _PUSHES | more
    assert found["permissions"] == {}
    jobs: dict[str, Any] = found["jobs"]
    return jobs


def test_with_githubs_token_no_secret_is_in_it() -> None:
    """Each job may ask for one, and says where the cluster is."""
    jobs = _jobs(_CHOICES["GitHub's token"])

    assert "secrets." not in workflow.text(_CHOICES["GitHub's token"])
    assert jobs["deploy"]["permissions"]["id-token"] == jobs["close"]["permissions"]["id-token"] == "write"
    for job in jobs.values():
        assert job["environment"] == workflow.ENVIRONMENT  # which the apiserver looks for in the token
        told = job["steps"][-1]["with"]
        assert told["server"] == "https://k8s.example.com:6443"
        assert told["certificate-authority"].startswith("-----BEGIN CERTIFICATE-----\nMIIB\n")


def test_one_that_publishes_has_no_way_to_the_cluster() -> None:
    """No kubeconfig, no environment with secrets, and nothing to close: the cluster sees that for itself."""
    jobs = _jobs(_CHOICES["published"])
    text = workflow.text(_CHOICES["published"])

    assert set(jobs) == {"publish"}
    assert jobs["publish"]["permissions"] == {"contents": "read", "packages": "write"}
    assert "secrets." not in text
    assert "kubeconfig" not in text
    assert jobs["publish"]["steps"][-1]["with"] == {
        "command": "publish",
        "to": "ghcr.io/acme/shop/previews",
        "image": "shop=ghcr.io/acme/shop@${{ steps.build-1.outputs.digest }}\n",
    }


def test_a_close_is_never_cancelled_and_waits_for_nothing() -> None:
    """Its group is its own run's; a deploy's is its pull request's, whose next push cancels it."""
    jobs = _jobs(_CHOICES["two images"])

    assert "github.run_id" in jobs["close"]["concurrency"]["group"]
    assert jobs["close"]["concurrency"]["cancel-in-progress"] == "false"
    assert jobs["deploy"]["concurrency"] == {
        "group": "preview-${{ github.event.pull_request.number }}",
        "cancel-in-progress": "true",
    }
    assert "needs" not in jobs["close"]


def test_a_job_has_the_rights_that_it_needs() -> None:
    """To read the source and to push images; to close, none at all."""
    assert _jobs(_CHOICES["no image"])["deploy"]["permissions"] == {"contents": "read"}
    assert _jobs(_CHOICES["two images"])["deploy"]["permissions"] == {"contents": "read", "packages": "write"}
    assert _jobs(_CHOICES["another registry"])["deploy"]["permissions"] == {"contents": "read"}
    assert _jobs(_CHOICES["two images"])["close"]["permissions"] == {}


def test_each_image_is_handed_on_by_the_digest_that_its_build_gave() -> None:
    """Tags are for people."""
    steps = _jobs(_CHOICES["two images"])["deploy"]["steps"]
    builds = [step for step in steps if step.get("id", "").startswith("build-")]
    (up,) = [step for step in steps if "image" in step.get("with", {})]

    assert [step["with"]["file"] for step in builds] == ["Dockerfile", "b's/Dockerfile"]
    assert [step["with"]["context"] for step in builds] == [".", "b's"]
    assert [step["with"]["tags"] for step in builds] == [
        "ghcr.io/acme/shop:pr-${{ github.event.pull_request.number }}",
        "ghcr.io/acme/shop/b:pr-${{ github.event.pull_request.number }}",
    ]
    assert up["with"]["image"].splitlines() == [
        "shop=ghcr.io/acme/shop@${{ steps.build-1.outputs.digest }}",
        "ghcr.io/acme/b=ghcr.io/acme/shop/b@${{ steps.build-2.outputs.digest }}",
    ]


def test_every_action_is_of_one_commit_and_no_author_is_expanded() -> None:
    """Of what an author writes nothing stands in an expression."""
    text = workflow.text(_CHOICES["two images"])
    uses = [line.partition("uses: ")[2] for line in text.splitlines() if "uses: " in line]

    assert uses
    assert all(len(each.partition("@")[2].split()[0]) == 40 for each in uses)
    assert "pull_request_target" not in text
    for word in ("title", "head.ref", "head_ref", "body", "label", "user.login"):
        assert word not in text
