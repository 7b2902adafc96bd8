"""The process: watches, workers, the lease and the health page, in one task group with one end."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import structlog
from msgspec import Struct

from kubepreview import daemon
from kubepreview.controller.artifacts import Artifacts
from kubepreview.controller.brakes import BrakeRecord
from kubepreview.controller.commands import Commands
from kubepreview.controller.evidence import drop_expired
from kubepreview.controller.feedback import Feedback
from kubepreview.controller.metrics import Metrics
from kubepreview.controller.orphans import end_orphans
from kubepreview.controller.paths import Paths
from kubepreview.controller.probe import Prober
from kubepreview.controller.pull_requests import PullRequests
from kubepreview.controller.queue import WorkQueue
from kubepreview.controller.reconcile import reconcile
from kubepreview.controller.rooms import Rooms
from kubepreview.controller.tools import Tools
from kubepreview.controller.visits import Visits
from kubepreview.controller.watches import Watches
from kubepreview.core import feedback, keys
from kubepreview.core.installation import GITHUB_FOLDER, REGISTRY_FOLDER
from kubepreview.errors import KubepreviewError
from kubepreview.github import client as github
from kubepreview.github.client import GitHub
from kubepreview.github.credentials import GitHubCredentials
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.lease import LeaderElection, LeadershipLost
from kubepreview.registry.logins import Login, read_docker_config

_WORKERS: Final = 8
_ORPHAN_PERIOD_S: Final = 30.0
_TIDY_PERIOD_S: Final = 60.0
_LEAD_AGAIN_S: Final = 1.0
# A visit makes some dozens of short requests; one that takes longer than this hangs.
_VISIT_TIMEOUT_S: Final = 60.0
# After a visit its preview rests for as long as the visit took, and no longer than this: the events of a
# start come in bursts, and to look at each would take from the pods the processor they start on.
_LONGEST_REST_S: Final = 0.3


class GitHubSettings(Struct, frozen=True, kw_only=True):
    """How GitHub is asked: where, with what lies in which folder, and how often about each pull request.

    Where nothing lies there it is not asked.
    """

    api: str = github.API
    folder: Path = Path(GITHUB_FOLDER)
    interval_s: float = 120.0


class Settings(Struct, frozen=True, kw_only=True):
    """How one replica runs. `identity` is unique among replicas; `port` 0 chooses a free one.

    `max_previews`: how many may have pods at once in the cluster; 0 is no limit. `registry_folder`: where
    the logins lie, as a Secret of docker's type mounts them.
    """

    credentials: Credentials
    identity: str
    namespace: str = keys.SYSTEM_NAMESPACE
    host: str = "0.0.0.0"  # noqa: S104 — the kubelet probes the pod's own address
    port: int = 8080
    max_previews: int = 0
    github: GitHubSettings = GitHubSettings()
    registry_folder: Path = Path(REGISTRY_FOLDER)


async def run(settings: Settings, now: Callable[[], dt.datetime]) -> None:
    """Run until SIGTERM or SIGINT, or until the lease is lost; then everything is ended and released."""
    log = structlog.stdlib.get_logger()
    metrics = Metrics()
    queue = WorkQueue()
    async with (
        Client(settings.credentials) as cluster,
        Prober() as prober,
        GitHub(settings.github.api, GitHubCredentials(settings.github.folder, now)) as asking,
    ):
        watches = Watches(cluster, queue)
        election = LeaderElection(cluster, settings.namespace, keys.CONTROLLER, settings.identity, now=now)
        tools = Tools(
            cluster=cluster.guarded_by(election.check),
            prober=prober,
            visits=Visits(watches, prober),
            rooms=Rooms(watches, settings.max_previews),
            metrics=metrics,
            log=log,
        )

        async def lead() -> None:
            log.info("leading", identity=settings.identity)
            metrics.is_leader.set(1)
            try:
                await _lead(queue, watches, tools, _on_github(watches, asking, settings))
            finally:
                metrics.is_leader.set(0)

        async with asyncio.TaskGroup() as group:
            everything = [group.create_task(each.run()) for each in watches.all]
            page = daemon.serve_health(settings.host, settings.port, watches.not_synced, metrics.registry)
            everything.append(group.create_task(page))
            everything.append(group.create_task(_hold(election, lead, log)))
            daemon.cancel_on_signal(everything)


async def _hold(
    election: LeaderElection, lead: Callable[[], Awaitable[None]], log: structlog.stdlib.BoundLogger
) -> None:
    while True:
        try:
            await election.hold(lead)
        except KubepreviewError as error:
            # Lost, or refused: an apiserver that has just started may not know our rights yet. Everything
            # is read anew on every visit, so leading again later needs no fresh process.
            log.warning("not leading", error=error.message)
            await asyncio.sleep(_LEAD_AGAIN_S)


class OnGitHub(Protocol):
    """What is done there, beside the visits."""

    async def run(self, tools: Tools) -> None:
        """For ever."""


def _on_github(watches: Watches, asking: GitHub, settings: Settings) -> tuple[OnGitHub, ...]:
    """What is read there, said there, heard there, and taken for what is there."""
    budget, interval_s = feedback.budget(asyncio.get_running_loop().time()), settings.github.interval_s

    def logins() -> Mapping[str, Login]:
        return read_docker_config(settings.registry_folder / ".dockerconfigjson")

    return (
        PullRequests(watches, asking, interval_s),
        Artifacts(watches, asking, logins, interval_s),
        Paths(watches, asking, interval_s),
        Feedback(watches, asking, budget),
        Commands(watches, asking, budget),
    )


async def _lead(
    queue: WorkQueue,
    watches: Watches,
    tools: Tools,
    on_github: tuple[OnGitHub, ...],
) -> None:
    for key in watches.previews.store:
        queue.add(key)
    async with asyncio.TaskGroup() as group:
        for _ in range(_WORKERS):
            group.create_task(_work(queue, watches, tools))
        group.create_task(_sweep(watches, tools))
        group.create_task(_tidy(watches, tools))
        for each in on_github:
            group.create_task(each.run(tools))
        group.create_task(tools.visits.run(tools.cluster))


async def _work(queue: WorkQueue, watches: Watches, tools: Tools) -> None:
    while True:
        key = await queue.take()
        tools.metrics.queue_length.set(len(queue))
        tools.metrics.previews.set(len(watches.previews.store))
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(_VISIT_TIMEOUT_S):
                again_after_s = await reconcile(key, tools)
        except asyncio.CancelledError:
            queue.done(key)
            raise
        except LeadershipLost:
            queue.done(key)
        except (KubepreviewError, TimeoutError) as error:
            _failed(key, error, queue, tools)
        except Exception as error:
            tools.log.exception("visit broke", preview="/".join(key))
            _failed(key, error, queue, tools)
        else:
            took_s = loop.time() - began
            tools.metrics.visits.labels("done").inc()
            queue.done(key, rest_s=min(took_s, again_after_s or 0.0, _LONGEST_REST_S))
            if again_after_s is not None:
                queue.add(key, again_after_s)
        finally:
            tools.metrics.visit_seconds.observe(loop.time() - began)


def _failed(key: tuple[str, str], error: Exception, queue: WorkQueue, tools: Tools) -> None:
    pause_s = queue.failed(key)
    tools.metrics.visits.labels("failed").inc()
    tools.log.warning(
        "visit failed",
        preview="/".join(key),
        error=str(error) or repr(error),
        again_after_s=round(pause_s, 2),
    )


async def _tidy(watches: Watches, tools: Tools) -> None:
    """Evidence goes when its time is over."""
    while True:
        await asyncio.sleep(_TIDY_PERIOD_S)
        try:
            await drop_expired(tools, sorted({namespace for namespace, _ in watches.projects.store}))
        except KubepreviewError as error:
            tools.log.warning("evidence not dropped", error=error.message)


async def _sweep(watches: Watches, tools: Tools) -> None:
    """Namespaces whose Preview is no more are ended too, as long as they are few."""
    brake = BrakeRecord("namespaces")
    while True:
        try:
            await end_orphans(watches, tools, brake)
        except KubepreviewError as error:
            tools.log.warning("sweep failed", error=error.message)
        await asyncio.sleep(_ORPHAN_PERIOD_S)
