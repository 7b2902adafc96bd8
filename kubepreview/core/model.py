"""The two objects of the API group kubepreview.dev, as typed values.

They are the one source: the CRDs (`core.crd`), the validation of what comes from the apiserver, and
the reference page are made of these classes and their descriptions. Field names are camelCase on the
wire. Times are RFC 3339, always with an offset; durations are written ``90s``, ``30m``, ``8h`` or ``7d``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

Object = dict[str, Any]
"""A Kubernetes object of any kind, as JSON gives it."""

EmbeddedObject = Annotated[
    Object,
    Meta(
        extra_json_schema={
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        }
    ),
]
# RFC 1123 names, as the apiserver checks them; 63 because the name becomes a label value too.
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
Host = Annotated[str, Meta(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Duration = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,4}[smhd]$", examples=["90s", "30m", "8h", "7d"])]
# What may stand in a route: no character that any ingress controller has ever expanded (CVE-2026-24512).
UrlPath = Annotated[str, Meta(pattern=r"^/[A-Za-z0-9._~/-]{0,128}$")]
# SHA-1 and SHA-256 repositories.
Sha = Annotated[str, Meta(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
Quantity = Annotated[str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$")]
Time = Annotated[dt.datetime, Meta(tz=True, extra_json_schema={"format": "date-time"})]
Text = Annotated[str, Meta(max_length=1024)]

Truth = Literal["True", "False", "Unknown"]
PodProfile = Literal["userns", "restricted"]


class Wire(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value that crosses the wire; unknown fields are ignored, as an older reader must."""


# --- PreviewProject -------------------------------------------------------------------------------


class Baseline(Wire, frozen=True, kw_only=True):
    """The stable deployment that previews stand beside and never disturb."""

    namespace: Annotated[Name, Meta(description="Its namespace, for example rapidrar-staging.")]
    host: Annotated[Host, Meta(description="Its host, for example rapidrar.example.com.")] = ""


class Route(Wire, frozen=True, kw_only=True):
    """How previews are reached from outside. The product writes every route; pull requests write none."""

    ingress_class_name: Annotated[str, Meta(description="The IngressClass of the routes.", max_length=253)]
    scheme: Annotated[
        Literal["http", "https"], Meta(description="The scheme of the link; TLS ends at the ingress.")
    ] = "http"
    port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)],
        Meta(description="The port of the link; 0 is the scheme's own."),
    ] = 0
    address: Annotated[
        Text,
        Meta(
            description=(
                "host:port at which the controller reaches the ingress when it checks what is served. "
                "Left out, it connects to the preview's host as anybody would."
            )
        ),
    ] = ""
    ingress_namespace: Annotated[
        str,
        Meta(description="The namespace whose pods may connect to previews: the ingress's.", max_length=63),
    ]


class Quota(Wire, frozen=True, kw_only=True):
    """What one preview may use at most; each becomes a hard limit of its ResourceQuota."""

    cpu: Annotated[Quantity, Meta(description="Sum of the CPU limits of its pods.")] = "8"
    memory: Annotated[Quantity, Meta(description="Sum of the memory limits of its pods.")] = "8Gi"
    ephemeral_storage: Annotated[Quantity, Meta(description="Sum of the scratch disk limits.")] = "10Gi"
    storage: Annotated[Quantity, Meta(description="Sum of the sizes of its volume claims.")] = "5Gi"
    pods: Annotated[int, Meta(description="Pods at once.", ge=1, le=500)] = 20


class ProjectSpec(Wire, frozen=True, kw_only=True):
    """What the platform team decides for the previews of one repository. A pull request cannot touch it."""

    repository: Annotated[
        str,
        Meta(
            description="The repository, owner/name.",
            pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$",
            max_length=200,
        ),
    ]
    namespace_pattern: Annotated[
        str,
        Meta(
            description="The namespace of a preview; {number} is the pull request's. It cannot be changed.",
            pattern=r"^[a-z0-9][-a-z0-9]*\{number\}$",
            max_length=60,
        ),
    ]
    host_pattern: Annotated[
        str,
        Meta(
            description="The host of a preview; {number} is the pull request's.",
            pattern=r"^[a-z0-9]?[-a-z0-9]*\{number\}(-[-a-z0-9]+)?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
            max_length=250,
        ),
    ]
    baseline: Baseline
    route: Route
    pod_profile: Annotated[
        PodProfile,
        Meta(
            description=(
                "userns: Pod Security baseline, and every pod in a user namespace of its own. "
                "restricted: Pod Security restricted, for clusters without user namespaces."
            )
        ),
    ] = "userns"
    image_prefixes: Annotated[
        tuple[Annotated[str, Meta(max_length=512)], ...],
        Meta(description="An image must begin with one of these; empty allows any.", max_length=32),
    ] = ()
    quota: Quota = field(default_factory=Quota)
    revision_path: Annotated[
        Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9._~/-]{0,128})?$")],
        Meta(
            description=(
                "A path of the application whose answer contains the commit's SHA. With it, Ready means "
                "that this commit was seen; without it, that every pod runs the recorded image."
            )
        ),
    ] = ""
    daemon_sets: Annotated[
        Literal["Deployment", "Keep"],
        Meta(
            description="Deployment turns a DaemonSet into one replica; Keep is for hardware on every node."
        ),
    ] = "Deployment"
    forks: Annotated[
        Literal["Off", "Approved"], Meta(description="Whether pull requests from forks may have a preview.")
    ] = "Off"
    time_to_live: Annotated[
        Duration,
        Meta(
            description=(
                "A preview that nobody has used for so long is closed. Its status says so a day before."
            )
        ),
    ] = "7d"
    on_push: Annotated[
        Literal["Wake", "StayAsleep"],
        Meta(description="Whether a push wakes a sleeping preview, or changes it in its sleep."),
    ] = "Wake"


class Metadata(Wire, frozen=True, kw_only=True):
    """The part of an object's metadata that the product reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


class PreviewProject(Wire, frozen=True, kw_only=True):
    """A repository's place in the cluster: one per control namespace, owned by the platform team."""

    metadata: Metadata
    spec: ProjectSpec


# --- Preview --------------------------------------------------------------------------------------


class PullRequest(Wire, frozen=True, kw_only=True):
    """The pull request, as GitHub describes it."""

    number: Annotated[int, Meta(ge=1, le=2_147_483_647, description="Its number. It cannot be changed.")]
    title: Annotated[str, Meta(max_length=256)] = ""
    author: Annotated[str, Meta(max_length=64)] = ""
    url: Annotated[str, Meta(max_length=512, pattern=r"^(https?://[!-~]*)?$")] = ""
    from_fork: bool = False


class Revision(Wire, frozen=True, kw_only=True):
    """The commit that is asked for, and when that was seen."""

    sha: Sha
    observed_at: Annotated[
        Time,
        Meta(
            description=(
                "The pull request's updated_at as the event carried it. It never goes back: the apiserver "
                "refuses a write that knows less than the last one."
            )
        ),
    ]


class Entry(Wire, frozen=True, kw_only=True):
    """Where requests go: a Service of the manifests, its port, and a path that answers when all is well."""

    service: Name
    port: Annotated[int | str, Meta(description="Number or name of the Service's port.")]
    path: UrlPath = "/"


class Extension(Wire, frozen=True, kw_only=True):
    """A wish for more time. It is granted once for each `id`, when the controller first sees it."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}$", description="Made anew for every wish.")]
    duration: Annotated[Duration, Meta(description="How much later than it would the preview expires.")]


class SleepWish(Wire, frozen=True, kw_only=True):
    """A wish that the preview sleeps or wakes now. It is heeded once for each `id`."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}$", description="Made anew for every wish.")]
    asleep: bool


class Lifetime(Wire, frozen=True, kw_only=True):
    """What somebody asked for beyond the project's timeToLive."""

    keep: Annotated[bool, Meta(description="It does not expire while this is true.")] = False
    extension: Extension | None = None
    sleep: SleepWish | None = None


class PreviewSpec(Wire, frozen=True, kw_only=True):
    """What is asked for. Written by continuous integration, kept by the apiserver's rules."""

    project: Annotated[
        Name, Meta(description="The PreviewProject, in the same namespace. It cannot be changed.")
    ]
    pull_request: PullRequest
    revision: Revision
    state: Annotated[
        Literal["Open", "Closed"],
        Meta(description="Closed tears down; to open again takes a later revision.observedAt."),
    ] = "Open"
    state_reason: Annotated[
        Literal["Requested", "Expired"],
        Meta(description="Why it is in this state: somebody asked for it, or it was not used any more."),
    ] = "Requested"
    lifetime: Lifetime | None = None
    entry: Entry | UnsetType = UNSET
    manifests: Annotated[
        tuple[EmbeddedObject, ...],
        Meta(
            description="The rendered objects: at most 100 and 512 KiB.",
            max_length=100,
            # Atomic: the list is replaced whole, and its managedFields stay one line.
            extra_json_schema={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()


class Condition(Wire, frozen=True, kw_only=True):
    """One aspect of the state, with a reason for machines and a message for people."""

    type: str
    status: Truth
    reason: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9]*$", max_length=128)]
    message: Annotated[str, Meta(max_length=4096)] = ""
    observed_generation: int = 0
    last_transition_time: Time


class ObjectRef(Wire, frozen=True, kw_only=True):
    """An object of a preview's namespace, by kind and name: enough to find it and to prune it."""

    api_version: str
    kind: str
    name: str


class Served(Wire, frozen=True, kw_only=True):
    """What the preview's address answered when it was last looked at."""

    sha: Sha
    since: Time


class Failure(Wire, frozen=True, kw_only=True):
    """Why the revision does not run: the object, the reason, and its last words."""

    object: Text
    reason: Annotated[str, Meta(max_length=128)]
    message: Annotated[str, Meta(max_length=4096)]
    log_tail: Annotated[tuple[Annotated[str, Meta(max_length=512)], ...], Meta(max_length=20)] = ()


class Activity(Wire, frozen=True, kw_only=True):
    """The last thing that somebody did with the preview, by the cluster's clock."""

    at: Time
    kind: Literal["Change", "Extension"]


class Granted(Wire, frozen=True, kw_only=True):
    """The extension that was granted last."""

    id: Annotated[str, Meta(max_length=64)]
    until: Time


class Scale(Wire, frozen=True, kw_only=True):
    """How many pods a workload has while it is awake; for one that cannot be counted, 1."""

    object: ObjectRef
    replicas: int


class Sleep(Wire, frozen=True, kw_only=True):
    """Whether it sleeps, since when, and what must be known to wake it as it was."""

    asleep: bool
    since: Time
    sha: Annotated[str, Meta(description="The revision that was asked for when this was last decided.")] = ""
    wish: Annotated[str, Meta(description="The wish that was heeded last.", max_length=64)] = ""
    scales: Annotated[tuple[Scale, ...], Meta(max_length=200)] = ()


class Receipt(Wire, frozen=True, kw_only=True):
    """What was there, when each part was seen gone, and what will not go."""

    namespace: Name
    namespace_uid: str = ""
    objects: tuple[ObjectRef, ...] = ()
    closed_at: Time
    route_gone_at: Time | None = None
    pods_gone_at: Time | None = None
    namespace_gone_at: Time | None = None
    held: Annotated[
        tuple[Annotated[str, Meta(max_length=1024)], ...],
        Meta(description="Objects that carried somebody's finalizer when the preview closed.", max_length=20),
    ] = ()
    blockers: Annotated[
        tuple[Annotated[str, Meta(max_length=1024)], ...],
        Meta(description="Objects or finalizers that keep the namespace, by name.", max_length=20),
    ] = ()


class PreviewStatus(Wire, frozen=True, kw_only=True):
    """What is there, as the controller last saw it."""

    observed_generation: int = 0
    conditions: Annotated[
        tuple[Condition, ...],
        Meta(
            max_length=16,
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = ()
    namespace: str = ""
    url: str = ""
    served: Served | None = None
    applied_sha: str = ""
    pods: Annotated[str, Meta(description="Ready pods of wanted pods, for example 1/2.")] = ""
    failure: Failure | None = None
    inventory: Annotated[tuple[ObjectRef, ...], Meta(max_length=200)] = ()
    activity: Activity | None = None
    extension: Granted | None = None
    sleep: Sleep | None = None
    expires_at: Annotated[
        Time | None,
        Meta(description="When it closes if nobody does anything with it; never while it is kept."),
    ] = None
    receipt: Receipt | None = None


class Preview(Wire, frozen=True, kw_only=True):
    """One pull request's preview."""

    metadata: Metadata
    spec: PreviewSpec
    status: PreviewStatus = field(default_factory=PreviewStatus)
