"""A job logs in with GitHub's own token, and no secret is anywhere: from the step to the apiserver.

The apiserver is a real one, started with what `project oidc` prints; the issuer is of this machine.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from kubepreview.core import keys, oidc, projects
from kubepreview.core.project_spec import OidcIdentity
from kubepreview.kube.client import Client
from tests.cli.conftest import IMAGE, Cluster, install, make_repository, make_scope
from tests.commands import Ended, kubepreview
from tests.core.test_event import PAYLOAD, SHA
from tests.core.test_projects import HERE
from tests.kube.controlplane import ControlPlane
from tests.kube.issuer import Issuer, at, trusted

_IDENTITY: Final = OidcIdentity(repository_id="1001", owner_id="2002")


@dataclass(frozen=True)
class Job:
    """A job on a runner that may ask for a token."""

    cluster: Cluster
    issuer: Issuer
    checkout: Path
    folder: Path

    def environ(self, **more: str) -> Mapping[str, str]:
        """Of each step."""
        (self.folder / "event.json").write_text(json.dumps(PAYLOAD))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_TEMP": str(self.folder),
            "HOME": str(self.folder),
            "PATH": "/usr/bin:/bin",
            "SSL_CERT_FILE": str(self.cluster.plane.root / "ca.crt"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer.place}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.issuer.request_token,
            **more,
        }

    def step(self, command: str, **more: str) -> Ended:
        """One step that is given where the cluster is, and no credential."""
        inputs = {
            "command": command,
            "server": self.cluster.plane.server,
            "certificate_authority": self.cluster.plane.pem("ca.crt").decode(),
            "image": IMAGE,
            "timeout": "1s",
        }
        given = {f"KUBEPREVIEW_INPUT_{name.upper()}": value for name, value in inputs.items()}
        return kubepreview("action", environ=self.environ(**given, **more), directory=self.checkout)


@pytest.fixture(scope="module")
def trusting(
    apiserver: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Cluster, Issuer]]:
    """A cluster that was told by `project oidc` whom to believe."""
    plane = ControlPlane(apiserver.find, tmp_path_factory.mktemp("trusting"))
    with trusted(plane, oidc.authentication_configuration([_IDENTITY])) as issuer:
        yield install(plane, tmp_path_factory.mktemp("kubeconfig")), issuer


@pytest.fixture
def job(trusting: tuple[Cluster, Issuer], tmp_path: Path) -> Job:
    """A job of a repository whose project has its number."""
    cluster, issuer = trusting
    scope = make_scope(cluster)
    asyncio.run(_believe(cluster, scope))
    issuer.job = at(dt.datetime.now(dt.UTC))  # noqa: TID251 — the apiserver compares with the clock
    folder = tmp_path / "runner"
    folder.mkdir()
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    return Job(cluster, issuer, make_repository(checkout, scope), folder)


async def _believe(cluster: Cluster, scope: str) -> None:
    """The rights of its workflow, as `project create` gives them."""
    given = projects.Given(
        name="rapidrar",
        repository="acme/rapidrar",
        namespace=scope,
        oidc={"repositoryId": _IDENTITY.repository_id, "ownerId": _IDENTITY.owner_id},
    )
    async with Client(cluster.plane.admin) as client:
        for obj in projects.objects(given, projects.project_spec(given, HERE)):
            if obj["metadata"]["name"] == keys.CI_ROLE:
                await client.apply(obj, manager=keys.CLI_MANAGER)


def _scope(job: Job) -> str:
    found: dict[str, Any] = yaml.safe_load((job.checkout / ".github/preview.yml").read_text())
    return str(found["namespace"])


def test_a_job_asks_for_its_preview_without_any_secret(job: Job) -> None:
    """With a token for this cluster, which is asked for when it is needed."""
    before = job.issuer.asked
    ended = job.step("up")

    assert ended.code == 4, ended.err  # nobody is there to serve it
    assert job.cluster.get(_scope(job), 7)["spec"]["revision"]["sha"] == SHA
    assert job.issuer.asked > before
    assert job.issuer.request_token not in ended.out + ended.err
    assert not list(job.folder.glob("**/kubeconfig"))


def test_another_projects_previews_are_not_its_own(job: Job, trusting: tuple[Cluster, Issuer]) -> None:
    """It is believed, and may do nothing there."""
    config = job.checkout / ".github/preview.yml"
    config.write_text(config.read_text().replace(_scope(job), make_scope(trusting[0])))
    ended = job.step("up")

    assert ended.code == 3, ended.err
    assert "github-actions:1001" in ended.err


def test_a_job_without_the_permission_is_told_of_it(job: Job) -> None:
    """As one of a fork's pull request is, which cannot have it."""
    ended = job.step("up", ACTIONS_ID_TOKEN_REQUEST_URL="", ACTIONS_ID_TOKEN_REQUEST_TOKEN="")
    refused = job.step("up", ACTIONS_ID_TOKEN_REQUEST_TOKEN="wrong")  # noqa: S106 — of tests

    assert ended.code == refused.code == 1
    assert "this job may not ask GitHub for a token" in ended.err
    assert "id-token: write" in ended.err
    assert "it answers 404" in refused.err
