"""Takes what continuous integration publishes, and writes the Previews of open pull requests itself.

GitHub says which are open and at which commit, as a list that is read at an interval and whenever GitHub has
told of one; the registry has what was made of the commit, or has it not yet. Where GitHub does not answer
nothing is written; where the registry does not, the Preview's status says so, and it is asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from kubepreview.controller.report import change, write_condition
from kubepreview.controller.tools import Tools
from kubepreview.controller.watches import KnownProject, Watches
from kubepreview.core import artifact, conditions, keys, names, taking
from kubepreview.core.event import Event
from kubepreview.core.model import Preview
from kubepreview.core.project_spec import PreviewProject
from kubepreview.core.status import Said
from kubepreview.core.wire import Object
from kubepreview.errors import Failed, InvalidInput, KubepreviewError, NotFound
from kubepreview.github.client import GitHub, RateLimited
from kubepreview.github.listing import open_pull_requests
from kubepreview.kube.resources import PREVIEW_PROJECTS, PREVIEWS
from kubepreview.kube.retry import Backoff
from kubepreview.kube.store import Key
from kubepreview.kube.together import as_one
from kubepreview.registry.artifacts import Taken, take
from kubepreview.registry.logins import Login
from kubepreview.render.placing import place_of, placed

_TICK_S: Final = 0.5
_MANAGER: Final = f"{keys.MANAGER}-artifacts"
_AT_ONCE: Final = 4
_REGISTRY_S: Final = 15.0
_FIRST_PAUSE_S: Final = 5.0
_MOST_WORDS: Final = 4096

_WaitKey = tuple[Key, int, str]
"""Project, pull request, commit."""


class _Wait(Struct):
    """Since when something is tried for a commit, and when again; by this process's clock."""

    since: float
    until: float


class _Listed(Struct):
    """The open pull requests of a project, as they were listed last; `until`: when they are listed again."""

    backoff: Backoff
    until: float = 0.0
    hints: frozenset[tuple[str, str]] = frozenset()
    heads: tuple[Event, ...] = ()


class Artifacts:
    """Taken while this replica leads. `logins`: read whenever they are needed."""

    def __init__(
        self, watches: Watches, github: GitHub, logins: Callable[[], Mapping[str, Login]], interval_s: float
    ) -> None:
        self._watches = watches
        self._github = github
        self._logins = logins
        self._interval_s = interval_s
        self._listed: dict[Key, _Listed] = {}
        self._waits: dict[_WaitKey, _Wait] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self, tools: Tools) -> None:
        """For ever."""
        for each in (self._watches.previews, self._watches.projects):
            await each.synced.wait()
        while True:
            takers = {key: each for key, each in self._watches.projects.store.items() if each.spec.artifacts}
            self._listed = {key: each for key, each in self._listed.items() if key in takers}
            if self._github.credentials.are_there:
                async with as_one() as group:
                    for key, project in takers.items():
                        group.create_task(self._serve(tools, key, project))
            await asyncio.sleep(_TICK_S)

    async def _serve(self, tools: Tools, key: Key, project: KnownProject) -> None:
        """One project, as far as it can be now."""
        listed = self._listed.setdefault(key, _Listed(self._new_backoff()))
        try:
            await self._list(listed, key, project)
            async with as_one() as group:
                for head in listed.heads:
                    group.create_task(self._advance(tools, key, project, head))
        except KubepreviewError as error:
            pause_s = error.pause_s if isinstance(error, RateLimited) else listed.backoff.next_s()
            # Word of one more pull request is no reason to ask sooner who does not answer.
            listed.until, listed.hints = self._now() + pause_s, self._watches.hints(project.spec.repository)
            listed.heads = ()
            told = {"project": "/".join(key), "error": error.message, "again_after_s": round(pause_s, 1)}
            tools.log.warning("artifacts not taken", **told)

    async def _list(self, listed: _Listed, key: Key, project: KnownProject) -> None:
        hints = self._watches.hints(project.spec.repository)
        if self._now() < listed.until and hints == listed.hints:
            return
        listed.heads = await open_pull_requests(self._github, project.spec.repository)
        listed.until, listed.hints = self._now() + self._interval_s, hints
        listed.backoff.reset()
        self._forget(key, listed.heads)

    async def _advance(self, tools: Tools, key: Key, project: KnownProject, head: Event) -> None:
        """One step for one pull request, if there is one to be made."""
        known = self._watches.previews.store.get((key[0], _name(head)))
        step = taking.step(known.spec if known else None, head)
        now = self._now()
        wait = self._waits.setdefault(_wait_key(key, head), _Wait(since=now, until=now))
        if step == "Nothing" or now < wait.until:
            return
        wait.until = now + taking.again_after_s(now - wait.since, self._interval_s)
        try:
            if step == "Announce":
                await self._apply(tools, key, head, taking.announced(key[1], project.spec.artifacts, head))
                wait.until = now
            elif step == "Describe":
                await self._describe(tools, key, head)
            elif known is not None:
                said = await self._take(tools, key, project, head)
                if not known.says(said):
                    await write_condition(tools, (key[0], _name(head)), known, said, _MANAGER)
        except KubepreviewError as error:
            told = {"preview": f"{key[0]}/{_name(head)}", "step": step, "error": error.message}
            tools.log.warning("artifact not taken", **told)

    async def _take(self, tools: Tools, key: Key, project: KnownProject, head: Event) -> Said:
        """Take and apply it; what came of that, in words."""
        reference, kind = taking.tagged(project.spec.artifacts, head.revision.sha), conditions.ARTIFACT_TAKEN
        decided = msgspec.convert(await tools.cluster.get(PREVIEW_PROJECTS, key[1], key[0]), PreviewProject)
        try:
            async with self._at_once:
                found = await take(
                    reference, head.revision.sha, credentials=self._logins(), timeout_s=_REGISTRY_S
                )
            spec = _spec(decided, found, head)
        except NotFound:
            return Said(kind, "False", taking.MISSING, f"waiting for {reference}")
        except (Failed, InvalidInput) as error:
            return Said(kind, "False", taking.REFUSED, _words(error)[:_MOST_WORDS])
        except KubepreviewError as error:
            return Said(kind, "Unknown", "NoAnswer", error.message[:_MOST_WORDS])
        await self._apply(tools, key, head, spec)
        tools.log.info("artifact taken", preview=f"{key[0]}/{_name(head)}", of=found.reference)
        return Said(kind, "True", "Taken", found.reference)

    async def _apply(self, tools: Tools, key: Key, head: Event, spec: Object) -> None:
        await tools.cluster.apply(taking.preview(key[0], head, spec), manager=_MANAGER, resource=PREVIEWS)

    async def _describe(self, tools: Tools, key: Key, head: Event) -> None:
        found = await tools.cluster.find(PREVIEWS, _name(head), key[0])
        preview = msgspec.convert(found, Preview) if found else None
        if preview and taking.step(preview.spec, head) == "Describe":
            await change(tools, preview, taking.described(head))

    def _forget(self, key: Key, heads: Sequence[Event]) -> None:
        """What is waited for of this project, and is not asked for any more."""
        wanted = {_wait_key(key, head) for head in heads}
        self._waits = {each: wait for each, wait in self._waits.items() if each[0] != key or each in wanted}

    def _new_backoff(self) -> Backoff:
        return Backoff(min(_FIRST_PAUSE_S, self._interval_s), self._interval_s)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _words(error: Failed | InvalidInput) -> str:
    problems = error.problems if isinstance(error, InvalidInput) else ()
    return "\n".join((error.message, *map(str, problems)))


def _name(head: Event) -> str:
    return names.preview_name(head.pull_request.number)


def _wait_key(key: Key, head: Event) -> _WaitKey:
    return key, head.pull_request.number, head.revision.sha


def _spec(project: PreviewProject, found: Taken, head: Event) -> Object:
    """What was taken, as the spec of a Preview of this project."""
    place = place_of(project.spec, head.pull_request.number)
    objects = placed(found.bundle.manifests, artifact.HOST, place)
    bundle = msgspec.structs.replace(found.bundle, manifests=objects)
    return taking.taken(project.metadata.name, found.reference, head, bundle)
