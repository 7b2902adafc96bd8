"""The writes of the command line, each in the words of the apiserver, which keeps the fence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable

from msgspec import Struct

from kubepreview.cli import previews
from kubepreview.cli.previews import wire
from kubepreview.cli.scope import Scope
from kubepreview.core import crd, keys, names
from kubepreview.core.model import Approval, Entry, Preview, PullRequest, Revision, TestResult
from kubepreview.core.wire import Object
from kubepreview.errors import Conflict, KubepreviewError, Refused
from kubepreview.kube.client import Client
from kubepreview.kube.errors import AlreadyExists, Invalid, WriteConflict
from kubepreview.kube.resources import PREVIEWS

# A conflict means that somebody else got through, so that many in a row mean something is badly wrong.
_TRIES = 10
# git's own word for "no commit": a tombstone for a pull request that never had a preview.
NO_SHA = "0" * 40


class Wish(Struct, frozen=True, kw_only=True):
    """For how much longer a preview is wanted, or whether for ever; None and empty change nothing."""

    duration: str = ""
    keep: bool | None = None


class Declared(Struct, frozen=True, kw_only=True):
    """What is known of the pull request. Without `observed_at`, a person declares it now."""

    pull_request: PullRequest
    sha: str
    observed_at: dt.datetime | None = None


def open_preview(
    scope: Scope, declared: Declared, manifests: tuple[Object, ...], entry: Entry, observed_at: dt.datetime
) -> Object:
    """The Preview that asks for these manifests, as it is applied."""
    spec = {
        "project": scope.required_project(),
        "pullRequest": wire(declared.pull_request),
        "revision": wire(Revision(sha=declared.sha, observed_at=observed_at)),
        "state": "Open",
        "stateReason": "Requested",
        "entry": {"service": entry.service, "port": entry.port, "path": entry.path},
        "manifests": list(manifests),
    }
    return _object(scope, declared.pull_request.number, spec)


def time_to_declare(declared: Declared, present: Preview | None, now: dt.datetime) -> dt.datetime:
    """The event's own time; for a person now, and later than what closed the preview if something did."""
    if declared.observed_at is not None:
        return declared.observed_at
    if present is None:
        return now
    last = present.spec.revision.observed_at
    return max(now, last if present.spec.state == "Open" else last + dt.timedelta(seconds=1))


async def apply(client: Client, obj: Object, *, dry_run: bool = False) -> Preview:
    """Write it; Refused with the cluster's own sentence if it is fenced."""
    try:
        written = await client.apply(obj, manager=keys.CLI_MANAGER, resource=PREVIEWS, dry_run=dry_run)
    except Invalid as error:
        raise _fenced(error) from error
    return previews.decode(written)


async def close(client: Client, scope: Scope, declared: Declared, now: dt.datetime) -> Preview:
    """Close it, or leave a tombstone where there is none, so that a late `up` is fenced."""

    async def write(present: Preview | None) -> Preview:
        if present is None:
            return await _bury(client, scope, declared, declared.observed_at or now)
        return await _close(client, present, declared, now)

    return await _write(client, scope, declared.pull_request.number, write)


async def extend(client: Client, scope: Scope, number: int, wish: Wish) -> Preview:
    """Ask for more time; NotFound if there is none, Refused if it is closed."""

    def lifetime(wish_id: str) -> Object:
        kept: Object = {} if wish.keep is None else {"keep": wish.keep}
        more: Object = {"extension": {"id": wish_id, "duration": wish.duration}} if wish.duration else {}
        return {**kept, **more}

    return await _wish(client, scope, number, lifetime)


async def put_to_sleep(client: Client, scope: Scope, number: int, *, asleep: bool) -> Preview:
    """Ask that it sleeps, or wakes; NotFound if there is none, Refused if it is closed."""
    return await _wish(client, scope, number, lambda wish_id: {"sleep": {"id": wish_id, "asleep": asleep}})


async def approve(client: Client, scope: Scope, number: int, sha: str, by: str) -> Preview:
    """Let this commit of a fork be built; Refused if another is asked for, Forbidden to who may not."""

    async def write(present: Preview | None) -> Preview:
        if present is None:
            raise previews.missing(scope, number)
        asked_for = present.spec.revision.sha
        if not present.spec.pull_request.from_fork:
            raise Refused(
                f"pull request {number} does not come from a fork", hint="its commits need no approval"
            )
        if asked_for != sha:
            raise Refused(
                f"pull request {number} asks for {asked_for} by now, and not for {sha}",
                hint="look at what has changed, and approve that",
            )
        return await _patch(
            client, present, {"approval": wire(Approval(sha=sha, by=by, at=client.clock.now()))}
        )

    return await _write(client, scope, number, write)


async def record_test(
    client: Client, scope: Scope, number: int, sha: str, *, passed: bool, output: str
) -> Preview:
    """Write down how the test of a commit ended, by the cluster's clock; NotFound if there is no preview."""

    async def write(present: Preview | None) -> Preview:
        if present is None:
            raise previews.missing(scope, number)
        result = TestResult(sha=sha, passed=passed, finished_at=client.clock.now(), output=output)
        return await _patch(client, present, {"test": wire(result)})

    return await _write(client, scope, number, write)


async def _wish(client: Client, scope: Scope, number: int, lifetime: Callable[[str], Object]) -> Preview:
    async def write(present: Preview | None) -> Preview:
        if present is None:
            raise previews.missing(scope, number)
        if present.spec.state == "Closed":
            raise Refused(
                f"the preview of pull request {number} is closed", hint="`kubepreview up` opens it again"
            )
        # Whoever asks of the same generation has a conflict, and looks again: no two wishes are one.
        wish_id = f"generation-{present.metadata.generation}"
        return await _patch(client, present, {"lifetime": lifetime(wish_id)})

    return await _write(client, scope, number, write)


async def _write(
    client: Client, scope: Scope, number: int, write: Callable[[Preview | None], Awaitable[Preview]]
) -> Preview:
    """Read, write what follows from it, and begin anew if somebody else wrote in between."""
    name = names.preview_name(number)
    conflict: Conflict | None = None
    for _ in range(_TRIES):
        present = await client.find(PREVIEWS, name, scope.namespace)
        try:
            return await write(previews.decode(present) if present else None)
        except (WriteConflict, AlreadyExists) as error:
            conflict = error
        except Invalid as error:
            raise _fenced(error) from error
    raise Conflict(
        f"Preview {scope.namespace}/{name} was changed by others {_TRIES} times in a row"
    ) from conflict


async def _bury(client: Client, scope: Scope, declared: Declared, observed_at: dt.datetime) -> Preview:
    spec = {
        "project": scope.required_project(),
        "pullRequest": wire(declared.pull_request),
        "revision": wire(Revision(sha=declared.sha or NO_SHA, observed_at=observed_at)),
        "state": "Closed",
    }
    tombstone = _object(scope, declared.pull_request.number, spec)
    return previews.decode(await client.create(PREVIEWS, tombstone, scope.namespace))


async def _close(client: Client, present: Preview, declared: Declared, now: dt.datetime) -> Preview:
    spec, last = present.spec, present.spec.revision.observed_at
    is_closed = spec.state == "Closed" and spec.state_reason == "Requested"
    if is_closed and (declared.observed_at or last) <= last:
        return present
    # An event is told as it was, so that the fence judges it; a person's word is the latest there is.
    observed_at = declared.observed_at or max(now, last)
    revision = {"observedAt": wire(observed_at)}
    return await _patch(
        client, present, {"state": "Closed", "stateReason": "Requested", "revision": revision}
    )


async def _patch(client: Client, present: Preview, spec: Object) -> Preview:
    """Change these fields; WriteConflict if it is not as it was read any more."""
    meta = present.metadata
    patch = {"metadata": {"resourceVersion": meta.resource_version}, "spec": spec}
    return previews.decode(await client.patch(PREVIEWS, meta.name, patch, meta.namespace))


def _object(scope: Scope, number: int, spec: Object) -> Object:
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": names.preview_name(number), "namespace": scope.namespace},
        "spec": spec,
    }


def _fenced(error: Invalid) -> KubepreviewError:
    """The cluster's sentence if the fence spoke, else the error as it is."""
    said = next((cause.message for cause in error.causes if crd.FENCED in cause.message), "")
    if not said:
        return error
    return Refused(
        f"the cluster refused the write: {said[said.index(crd.FENCED) :]}",
        hint="a later event of this pull request has come through; there is nothing to do for this one",
    )
