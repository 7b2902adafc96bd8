"""What a plan consists of: the actions, as data. `controller.act` has a function for each."""

from __future__ import annotations

from msgspec import Struct

from kubepreview.core.model import ObjectRef, Scale
from kubepreview.core.wire import Object


class Record(Struct, frozen=True, kw_only=True):
    """What must be on record before it is done, so that no crash makes it forgotten.

    `inventory`: the objects that were ever applied and not seen gone. `scales`: the counts to wake to.
    """

    inventory: tuple[ObjectRef, ...] = ()
    scales: tuple[Scale, ...] = ()


class ApplyNamespace(Struct, frozen=True):
    """Create the namespace with its labels, or put the labels back."""

    namespace: Object


class ApplyGuardrails(Struct, frozen=True):
    """Write these guards into the namespace."""

    objects: tuple[Object, ...]


class ApplyObjects(Struct, frozen=True):
    """Apply these as the deployer: all are tried first, and none is written if one is refused.

    `record` is written down before the first of them is.
    """

    objects: tuple[Object, ...]
    record: Record


class Drifted(Struct, frozen=True):
    """An object to be applied anew, what somebody else has changed of it, and the version that was seen."""

    object: Object
    what: str
    version: str


class Prune(Struct, frozen=True):
    """Delete what an earlier revision brought and this one does not; each only if it is that very object."""

    objects: tuple[Object, ...]


class ApplyRoute(Struct, frozen=True):
    """Write the route."""

    route: Object


class DeleteRoute(Struct, frozen=True):
    """Take the route away, so that nobody is led to what is being ended."""

    route: Object


class Rescale(Struct, frozen=True):
    """Apply these counts of pods, and nothing else of their workloads, once `record` is written down."""

    objects: tuple[Object, ...]
    record: Record


class SendLookouts(Struct, frozen=True):
    """Look for visitors: give each of these pods, by its name, these ephemeral containers."""

    pods: tuple[tuple[Object, tuple[Object, ...]], ...]


class ApplyGate(Struct, frozen=True):
    """Let the gateway answer for the host, and tell it how things are. `lease`: where it tells of visits."""

    ingress: Object
    lease: Object


class DeleteGate(Struct, frozen=True):
    """Let the gateway no longer answer for the host."""

    objects: tuple[Object, ...]


class EndWorkloads(Struct, frozen=True):
    """Delete what would make new pods."""

    objects: tuple[Object, ...]


class EndPods(Struct, frozen=True):
    """Delete these pods with a short grace."""

    pods: tuple[Object, ...]


class DeleteNamespace(Struct, frozen=True):
    """Delete the namespace, only if it is the one that was looked at."""

    namespace: Object


class Wait(Struct, frozen=True):
    """Nothing can be done until this is seen."""

    what: str


Action = (
    ApplyNamespace
    | ApplyGuardrails
    | ApplyObjects
    | Prune
    | ApplyRoute
    | DeleteRoute
    | Rescale
    | SendLookouts
    | ApplyGate
    | DeleteGate
    | EndWorkloads
    | EndPods
    | DeleteNamespace
    | Wait
)
