"""A step of GitHub Actions: what it does for each event, and what it tells the job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepreview.cli.action import Inputs
from kubepreview.cli.oidc_token import ASKED_WITH
from tests.cli.conftest import IMAGE, Cluster
from tests.commands import Ended, kubepreview
from tests.core.test_event import PAYLOAD, SHA

_ROOT = Path(__file__).parents[2]
_AT = "2026-01-02T03:04:05Z"
_READY = {"observedGeneration": 1, "lastTransitionTime": _AT, "type": "Ready"}


@dataclass
class Job:
    """A job whose checkout is the repository. `environ`: as the runner and the cluster make it."""

    cluster: Cluster
    checkout: Path
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay out the runner's files."""
        self.event()
        for name in ("OUTPUT", "STEP_SUMMARY"):
            (self.folder / name).touch()
        self.environ |= {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "OUTPUT"),
            "GITHUB_WORKSPACE": str(self.checkout),
            "GITHUB_STEP_SUMMARY": str(self.folder / "STEP_SUMMARY"),
            "RUNNER_TEMP": str(self.folder),
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
        }

    def event(self, **changed: Any) -> None:
        """What happened to the pull request."""
        payload = {**PAYLOAD, "pull_request": {**PAYLOAD["pull_request"], **changed}}
        (self.folder / "event.json").write_text(json.dumps(payload))

    def step(self, command: str = "auto", **inputs: str) -> Ended:
        """One step with these inputs, which may reach the cluster."""
        kubeconfig = Path(self.cluster.environ["KUBECONFIG"]).read_text()
        given = {"command": command, "kubeconfig": kubeconfig, **inputs}
        environ = {f"KUBEPREVIEW_INPUT_{name.upper()}": value for name, value in given.items()}
        return kubepreview("action", environ={**self.environ, **environ}, directory=self.checkout)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Of all steps so far."""
        lines = iter((self.folder / "OUTPUT").read_text().splitlines())
        return {line.partition("<<")[0]: _until(line.partition("<<")[2], lines) for line in lines}

    @property
    def summary(self) -> str:
        """What stands on the page of the run."""
        return (self.folder / "STEP_SUMMARY").read_text()


def _until(end: str, lines: Any) -> str:
    return "\n".join(iter(lambda: next(lines), end))


@pytest.fixture
def job(cluster: Cluster, repository: Path, tmp_path: Path) -> Job:
    """A job of an event about pull request 7."""
    folder = tmp_path / "runner"
    folder.mkdir()
    return Job(cluster, repository, folder)


def test_a_push_asks_for_the_preview_and_says_that_it_is_not_ready(
    job: Job, cluster: Cluster, scope: str
) -> None:
    """No controller is there: the step ends when its time is over, and tells what is known."""
    ended = job.step(image=f"\n{IMAGE}\n", timeout="1s")

    assert ended.code == 4, ended.err
    assert cluster.get(scope, 7)["spec"]["revision"] == {"sha": SHA, "observedAt": _AT}
    assert job.outputs == {"url": "", "namespace": "", "revision": SHA, "ready": "false"}
    assert f"### Preview of `{SHA[:7]}`: deploying" in job.summary
    assert "\n::error::Preview " in ended.err


def test_a_test_runs_where_the_commit_is_served_and_sees_no_credential(
    job: Job, cluster: Cluster, scope: str
) -> None:
    """Neither the kubeconfig nor any other input is in its environment, nor what it could log in with."""
    job.environ |= dict.fromkeys(ASKED_WITH, "of the job")
    _is_served(job, cluster, scope, 'env; test -n "$PREVIEW_URL" -a -z "$KUBEPREVIEW_INPUT_KUBECONFIG"')
    ended = job.step("test")

    assert ended.code == 0, ended.err
    assert "KUBEPREVIEW_INPUT" not in ended.out + ended.err
    assert "of the job" not in ended.out + ended.err
    assert job.outputs["url"] == "http://pr-7.example.com"
    assert job.outputs["namespace"] == "ns"
    assert cluster.get(scope, 7)["spec"]["test"]["passed"]


def _is_served(job: Job, cluster: Cluster, scope: str, test: str) -> None:
    """What a controller would say, and a script that tests it."""
    job.step(image=IMAGE, timeout="1s")
    served = {"sha": SHA, "since": _AT}
    ready = {**_READY, "status": "True", "reason": "Ready"}
    status = {"observedGeneration": 1, "url": "http://pr-7.example.com", "namespace": "ns", "served": served}
    cluster.write_status(scope, 7, {**status, "conditions": [ready]})
    (job.checkout / "test.sh").write_text(test)
    with (job.checkout / ".github/preview.yml").open("a") as file:
        file.write("test: sh test.sh\n")


def test_a_close_needs_no_checkout(job: Job, cluster: Cluster, scope: str) -> None:
    """The branch may be gone: the project is given."""
    job.step(image=IMAGE, timeout="1s")
    (job.checkout / ".github/preview.yml").unlink()
    job.event(state="closed")
    named = {"project": "rapidrar"}
    ended = kubepreview(
        *("down", "7", f"--namespace={scope}", "--no-wait", "--observed-at", _AT),
        environ=cluster.environ,
        directory=job.folder,
    )
    other = job.step(timeout="1s", **named)

    assert ended.code == 0, ended.err
    assert cluster.get(scope, 7)["spec"]["state"] == "Closed"
    assert "rapidrar-previews" in other.err  # the namespace that follows from the project's name


def test_one_that_the_project_does_not_select_is_no_failure(job: Job, cluster: Cluster, scope: str) -> None:
    """A notice says why."""
    job.step(image=IMAGE, timeout="1s")
    # To ask again is another generation, which a controller would have seen by then.
    told = {**_READY, "observedGeneration": 2, "status": "False", "reason": "Draft", "message": "a draft"}
    conditions = [told, {**told, "type": "Accepted"}]
    cluster.write_status(scope, 7, {"observedGeneration": 2, "conditions": conditions})
    ended = job.step(image=IMAGE, timeout="5s")

    assert ended.code == 0, ended.err
    assert "::notice::the preview is not accepted (Draft): a draft" in ended.err
    assert "::error" not in ended.err


def test_a_problem_stands_at_its_file_and_line(job: Job) -> None:
    """On the page where the author looks."""
    (job.checkout / "k8s/web.yaml").write_text("apiVersion: v1\nkind: Service\nkind: Service\n")
    ended = job.step(image=IMAGE)

    assert ended.code == 2
    assert "::error file=k8s/web.yaml,line=3::k8s/web.yaml:3: the key 'kind' is there twice" in ended.err


def test_what_is_printed_is_no_command_of_the_runner(job: Job, cluster: Cluster, scope: str) -> None:
    """Words of a test, of a pod, of a manifest: the runner is told to heed none of them."""
    _is_served(job, cluster, scope, "echo '::add-mask::a' >&2; echo '  ::error::b' >&2; exit 7")
    lines = job.step("test").err.splitlines()
    (stop,) = (index for index, line in enumerate(lines) if line.startswith("::stop-commands::"))
    resumed = lines.index(f"::{lines[stop].removeprefix('::stop-commands::')}::")
    heeded = [line for line in (*lines[:stop], *lines[resumed + 1 :]) if line.strip().startswith("::")]

    assert {"::add-mask::a", "  ::error::b"} <= set(lines[stop:resumed])
    assert [line.split("::")[1].split()[0] for line in heeded] == ["group", "endgroup", "error"]


def test_without_credentials_it_says_why(job: Job) -> None:
    """A pull request of a fork, and one of Dependabot, has none."""
    ended = job.step(kubeconfig="")

    assert ended.code == 2
    assert "one of Dependabot" in ended.err


def test_the_credential_lies_in_a_file_of_its_own_for_as_long_as_it_is_needed(job: Job) -> None:
    """And in no output."""
    secret = "TOKEN" + "x" * 20
    ended = job.step(kubeconfig=f"apiVersion: v1\nusers: [{{name: a, user: {{token: {secret}}}}}]\n")

    assert ended.code != 0
    assert secret not in ended.out + ended.err
    assert not list(job.folder.rglob("kubeconfig"))


def test_an_unknown_command_is_none(job: Job) -> None:
    """Said with those that are."""
    ended = job.step("apply")

    assert ended.code == 2
    assert "none of auto, up, test, down" in ended.err


def test_the_actions_inputs_are_those_that_are_read() -> None:
    """Each is handed on by its name, and nothing of a pull request is expanded in a shell."""
    action = yaml.safe_load((_ROOT / "action.yml").read_text())
    install, run = action["runs"]["steps"]
    handed_on = {
        name.removeprefix("KUBEPREVIEW_INPUT_").lower().replace("_", "-"): value
        for name, value in run["env"].items()
        if name.startswith("KUBEPREVIEW_INPUT_")
    }

    assert set(action["inputs"]) == {name.replace("_", "-") for name in Inputs.__struct_fields__}
    assert handed_on == {name: f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}
    assert set(action["outputs"]) == {"url", "namespace", "revision", "ready", "artifact"}
    assert "${{" not in install["run"] + run["run"]
    assert 'python" -P -m kubepreview' in run["run"]
