"""What was seen in the cluster, as one value. None always means that the server itself said: not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct, field

from kubepreview.core import keys
from kubepreview.core.model import ObjectRef
from kubepreview.core.wire import Object


class Answer(Struct, frozen=True, kw_only=True):
    """What the preview's address answered to the probe.

    `code` is the HTTP status, 0 when there was no HTTP answer at all; `shas` are the commits, of those
    that were looked for, whose SHA stood in the answer; `is_of_gateway`: it was the gateway that answered,
    and no application; `detail` is a short account for people.
    """

    code: int
    shas: frozenset[str] = frozenset()
    is_of_gateway: bool = False
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether an application answered, and not with an error."""
        return 200 <= self.code < 400  # noqa: PLR2004  the classes of HTTP status codes


class Gate(Struct, frozen=True, kw_only=True):
    """What makes the gateway answer for a preview's host, as far as it is there.

    `is_running`: there is a gateway that could; `image` is what it runs. `answers`: the host was asked, and
    it was the gateway.
    """

    ingress: Object | None = None
    lease: Object | None = None
    is_running: bool = False
    image: str = ""
    answers: bool = False

    @property
    def objects(self) -> tuple[Object, ...]:
        """Those that are there; the Ingress first, because while it is there visits are told in the Lease."""
        return tuple(obj for obj in (self.ingress, self.lease) if obj is not None)

    @property
    def knock(self) -> str:
        """The last visit that the gateway told of; empty for none."""
        return str((self.lease or {}).get("spec", {}).get("renewTime", ""))


class Observed(Struct, frozen=True, kw_only=True):
    """One look at a preview's namespace."""

    namespace: Object | None = None
    guardrails: Mapping[ObjectRef, Object] = field(default_factory=dict)
    # The apiserver answered a list under the deployer's identity: its Role is in force.
    deployer_answers: bool = False
    # The first policy that let its canary pass; asked where nothing of the pull request is yet.
    unenforced: str = ""
    objects: Mapping[ObjectRef, Object] = field(default_factory=dict)
    replica_sets: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    route: Object | None = None
    gate: Gate = Gate()

    @property
    def namespace_uid(self) -> str:
        """The namespace's UID, empty where there is none."""
        return str(self.namespace["metadata"]["uid"]) if self.namespace else ""

    @property
    def namespace_since(self) -> dt.datetime | None:
        """When the namespace was created."""
        if self.namespace is None:
            return None
        return dt.datetime.fromisoformat(self.namespace["metadata"]["creationTimestamp"])

    @property
    def terminating_since(self) -> dt.datetime | None:
        """When the deletion of the namespace was asked for; None while it was not."""
        if self.namespace is None or "deletionTimestamp" not in self.namespace["metadata"]:
            return None
        return dt.datetime.fromisoformat(self.namespace["metadata"]["deletionTimestamp"])

    @property
    def is_terminating(self) -> bool:
        """Whether the namespace is on its way out."""
        return self.terminating_since is not None

    def belongs_to(self, preview_uid: str) -> bool:
        """Whether the namespace was made for this very Preview, and not only looks like it."""
        if self.namespace is None:
            return False
        metadata = self.namespace["metadata"]
        return (metadata.get("labels") or {}).get(keys.MANAGED) == "true" and (
            metadata.get("annotations") or {}
        ).get(keys.PREVIEW_UID) == preview_uid
