"""Push, approve, close, reopen and deploy in any order: nothing runs unapproved, nothing closed is served.

The pull request is a fork's. Its jobs run when they run, or never; whoever writes does so through a real
apiserver, as the identity that it has in a cluster, and the controller's verdict on what then stands there is
asked for after every step. What GitHub knows has times of whole seconds, as GitHub's have.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import uuid4

import msgspec
import pytest

from kubepreview.cli import writing
from kubepreview.cli.scope import Scope
from kubepreview.cli.writing import Declared
from kubepreview.core import approvals, installation, keys, names, projects, pull_requests
from kubepreview.core.acceptance import Accepted, accept
from kubepreview.core.model import Entry, Preview, PullRequest
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.pull_requests import Seen
from kubepreview.errors import KubepreviewError, NotFound, Refused
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials, Impersonation
from kubepreview.kube.errors import Forbidden
from kubepreview.kube.resources import PREVIEWS
from kubepreview.kube.wait import wait_until
from tests.cli.conftest import Cluster
from tests.core.examples import deployment, service
from tests.core.test_projects import HERE

# How many orders, each with its own pull request; more by KUBEPREVIEW_INTERLEAVINGS.
_ORDERS: Final = int(os.environ.get("KUBEPREVIEW_INTERLEAVINGS", "60"))  # noqa: TID251 - entry point of tests
_SEED: Final = 20260102
_AT_ONCE: Final = 6
_STEPS: Final = 14
_BEGAN: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_ENTRY: Final = Entry(service="web", port=80)
_MANIFESTS: Final = (deployment(), service())
_APPROVER: Final = "ada"


@dataclass(frozen=True)
class Job:
    """A job of continuous integration, with what its event said."""

    is_close: bool
    declared: Declared


@dataclass
class Hands:
    """Everybody who writes, each as who they are."""

    scope: Scope
    project: PreviewProject
    ci: Client
    approver: Client
    controller: Client


@dataclass
class Story:
    """One pull request, as GitHub has it, and what is still to run for it."""

    number: int
    hands: Hands
    rng: random.Random
    is_open: bool = True
    sha: str = ""
    at: dt.datetime = _BEGAN
    jobs: list[Job] = field(default_factory=list)
    approved: set[str] = field(default_factory=set)
    closed_at: dt.datetime | None = None
    deployed: int = 0
    told: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Its steps in this order, and then all that is left."""
        self._push()
        for _ in range(_STEPS):
            await self._step(self.rng.choice((*_ACTIONS, "deploy", "deploy")))
        while self.jobs:
            await self._step("deploy")
        await self._step("poll")
        await self._is_as_the_pull_request_is()

    async def _step(self, action: str) -> None:
        self.told.append(f"{action} {self.sha[:4]}")
        match action:
            case "push" if self.is_open:
                self._push()
            case "close" if self.is_open:
                self._close()
            case "reopen" if not self.is_open:
                self.is_open = True
                self._event(is_close=False)
            case "approve":
                await self._approve()
            case "forge":
                await self._forge()
            case "poll":
                await self._poll()
            case "deploy" if self.jobs:
                await self._deploy(self.jobs.pop(self.rng.randrange(len(self.jobs))))
        await self._is_right()

    def _push(self) -> None:
        self.sha = f"{self.rng.getrandbits(160):040x}"
        self._event(is_close=False)

    def _close(self) -> None:
        self.is_open = False
        self._event(is_close=True)

    def _event(self, *, is_close: bool) -> None:
        """It happens now, or in a second; and the job of every fifth event is lost."""
        self.at += dt.timedelta(seconds=self.rng.choice((0, 1, 1, 1)))
        one = PullRequest(number=self.number, from_fork=True)
        if self.rng.random() > 0.2:
            self.jobs.append(Job(is_close, Declared(pull_request=one, sha=self.sha, observed_at=self.at)))

    async def _deploy(self, job: Job) -> None:
        """A job runs at last. One that is refused knew less than somebody before it."""
        hands, declared = self.hands, job.declared
        assert declared.observed_at is not None
        try:
            if job.is_close:
                await writing.close(hands.ci, hands.scope, declared, declared.observed_at)
                self._closed(declared.observed_at)
            else:
                await writing.apply(
                    hands.ci,
                    writing.open_preview(hands.scope, declared, _MANIFESTS, _ENTRY, declared.observed_at),
                )
        except Refused as error:
            if "fenced" not in error.message:
                raise

    async def _approve(self) -> None:
        """Somebody looks at a commit and approves it, while it may have been pushed over."""
        preview = await self._preview()
        sha = self.rng.choice((self.sha, preview.spec.revision.sha if preview else self.sha))
        try:
            await writing.approve(self.hands.approver, self.hands.scope, self.number, sha, _APPROVER)
            self.approved.add(sha)
        except (Refused, NotFound):
            return

    async def _forge(self) -> None:
        """Continuous integration, which the pull request may have changed, approves itself."""
        if (preview := await self._preview()) is None:
            return
        approval = {"sha": preview.spec.revision.sha, "by": _APPROVER, "at": "2026-01-01T00:00:00Z"}
        if preview.spec.approval and preview.spec.approval.sha == approval["sha"]:
            return
        with pytest.raises(Forbidden, match=r"spec\.approval is written by somebody who may not approve"):
            await self.hands.ci.patch(
                PREVIEWS, preview.metadata.name, {"spec": {"approval": approval}}, preview.metadata.namespace
            )

    async def _poll(self) -> None:
        """The controller reads the pull request, and closes what is over."""
        preview = await self._preview()
        seen = Seen(state="Open" if self.is_open else "Closed", changed_at=self.at)
        if preview is None or preview.spec.state == "Closed":
            return
        if pull_requests.ends(preview.spec.revision.observed_at, seen):
            closing = pull_requests.closing(preview.spec.revision.observed_at, seen)
            version = {"resourceVersion": preview.metadata.resource_version}
            patch = {"metadata": version, "spec": closing}
            await self.hands.controller.patch(
                PREVIEWS, preview.metadata.name, patch, preview.metadata.namespace
            )
            self._closed(self.at)

    def _closed(self, at: dt.datetime) -> None:
        self.closed_at = max(at, self.closed_at or at)

    async def _is_right(self) -> None:
        """What would run now was approved, and was asked for after whatever has closed it."""
        preview = await self._preview()
        if preview is None or preview.spec.state == "Closed":
            return
        asked = preview.spec.revision
        assert self.closed_at is None or asked.observed_at > self.closed_at, self.told
        if isinstance(accept(preview, self.hands.project), Accepted):
            self.deployed += 1
            assert asked.sha in self.approved, self.told

    async def _is_as_the_pull_request_is(self) -> None:
        """When all has run, and GitHub was read once more, nothing is open that is closed there."""
        preview = await self._preview()
        if not self.is_open:
            assert preview is None or preview.spec.state == "Closed", self.told

    async def _preview(self) -> Preview | None:
        space = self.hands.scope.namespace
        found = await self.hands.controller.find(PREVIEWS, names.preview_name(self.number), space)
        return msgspec.convert(found, Preview) if found else None


_ACTIONS: Final[Sequence[str]] = ("push", "close", "reopen", "approve", "approve", "forge", "poll")


@asynccontextmanager
async def _everybody(cluster: Cluster) -> AsyncIterator[Hands]:
    """A project for forks, whose workflows, approvers and controller have the rights of an installation."""
    given = projects.Given(
        name="forked", repository="acme/forked", namespace=f"forked-{uuid4().hex[:8]}", forks="Approved"
    )
    spec = projects.project_spec(given, HERE)
    admin = cluster.plane.admin
    async with Client(admin) as client:
        for obj in (*projects.objects(given, spec), *_installed()):
            await client.apply(obj, manager=keys.CLI_MANAGER)
        await wait_until(lambda: _in_force(client, admin, given), what="the rule of approvals", timeout_s=60)
    ci, controller = (
        f"system:serviceaccount:{space}:{name}"
        for space, name in (
            (given.control_namespace, keys.CI_ACCOUNT),
            (keys.SYSTEM_NAMESPACE, keys.CONTROLLER),
        )
    )
    async with (
        Client(_as(admin, ci)) as as_ci,
        Client(_as(admin, _APPROVER)) as as_approver,
        Client(_as(admin, controller)) as as_controller,
    ):
        project = msgspec.convert(
            {"metadata": {"name": given.name, "namespace": given.control_namespace}, "spec": {}}
            | {"spec": msgspec.to_builtins(spec)},
            PreviewProject,
        )
        scope = Scope(namespace=given.control_namespace, project=given.name)
        yield Hands(scope, project, as_ci, as_approver, as_controller)


def _as(admin: Credentials, user: str) -> Credentials:
    return replace(admin, impersonate=Impersonation(user=user))


def _installed() -> Sequence[dict[str, Any]]:
    """Of an installation, who may do what; and the approver's own binding, which the platform team makes."""
    rights = [
        obj
        for obj in installation.objects()
        if obj["kind"].startswith(("ClusterRole", "ValidatingAdmission"))
        and obj["metadata"]["name"] in (keys.CONTROLLER, approvals.ROLE, approvals.POLICY)
    ]
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "approvers-of-tests"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": approvals.ROLE},
        "subjects": [{"kind": "User", "apiGroup": group, "name": _APPROVER}],
    }
    return [*rights, binding]


async def _in_force(client: Client, admin: Credentials, given: projects.Given) -> bool | None:
    """An apiserver takes up a policy a moment after it is there."""
    scope = Scope(namespace=given.control_namespace, project=given.name)
    declared = Declared(pull_request=PullRequest(number=1, from_fork=True), sha="0" * 40, observed_at=_BEGAN)
    obj = writing.open_preview(scope, declared, _MANIFESTS, _ENTRY, _BEGAN)
    await client.apply(obj, manager=keys.CLI_MANAGER, resource=PREVIEWS)
    user = f"system:serviceaccount:{given.control_namespace}:{keys.CI_ACCOUNT}"
    async with Client(_as(admin, user)) as as_ci:
        approval = {"sha": "0" * 40, "by": "tests", "at": "2026-01-01T00:00:00Z"}
        try:
            await as_ci.patch(PREVIEWS, "pr-1", {"spec": {"approval": approval}}, given.control_namespace)
        except KubepreviewError as error:
            return True if "may not approve" in error.message else None
    await client.patch(PREVIEWS, "pr-1", {"spec": {"approval": None}}, given.control_namespace)
    return None


@pytest.mark.timeout(1800)
async def test_nothing_runs_unapproved_and_nothing_closed_is_served(cluster: Cluster) -> None:
    """Whatever the order; and among the orders are enough in which something does run."""
    rng = random.Random(_SEED)  # noqa: S311 — a story, not a secret
    async with _everybody(cluster) as hands:
        stories = [
            Story(number, hands, random.Random(rng.random()))  # noqa: S311 — the same
            for number in range(10, 10 + _ORDERS)
        ]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def told(story: Story) -> None:
            async with gate:
                await story.run()

        async with asyncio.TaskGroup() as group:
            for story in stories:
                group.create_task(told(story))

    assert sum(story.deployed > 0 for story in stories) > _ORDERS / 4
    assert sum(not story.is_open for story in stories) > _ORDERS / 10
