"""What was seen in the cluster, as one value. None always means that the server itself said: not there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct, field

from kubepreview.core import keys
from kubepreview.core.model import Object, ObjectRef


class Answer(Struct, frozen=True, kw_only=True):
    """What the preview's address answered to the probe.

    `code` is the HTTP status, 0 when there was no HTTP answer at all; `shas` are the commits, of those
    that were looked for, whose SHA stood in the answer; `detail` is a short account for people.
    """

    code: int
    shas: frozenset[str] = frozenset()
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Whether an application answered, and not with an error."""
        return 200 <= self.code < 400  # noqa: PLR2004  the classes of HTTP status codes


class Observed(Struct, frozen=True, kw_only=True):
    """One look at a preview's namespace."""

    namespace: Object | None = None
    guardrails: Mapping[ObjectRef, Object] = field(default_factory=dict)
    # The apiserver answered a list under the deployer's identity: its Role is in force.
    deployer_answers: bool = False
    objects: Mapping[ObjectRef, Object] = field(default_factory=dict)
    replica_sets: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    route: Object | None = None

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
