"""Preview: what is asked for one pull request, and what is there, as typed values.

With PreviewProject (`core.project_spec`) it is the one source: the CRDs (`core.crd`), the validation of what
comes from the apiserver, and the reference page are made of these classes and their descriptions.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from kubepreview.core.wire import (
    Duration,
    EmbeddedObject,
    Metadata,
    Name,
    Sha,
    Text,
    Time,
    Truth,
    UrlPath,
    Wire,
)


class PullRequest(Wire, frozen=True, kw_only=True):
    """The pull request, as GitHub describes it."""

    number: Annotated[int, Meta(ge=1, le=2_147_483_647, description="Its number. It cannot be changed.")]
    title: Annotated[str, Meta(max_length=256)] = ""
    author: Annotated[str, Meta(max_length=64)] = ""
    url: Annotated[str, Meta(max_length=512, pattern=r"^(https?://[!-~]*)?$")] = ""
    from_fork: Annotated[
        bool, Meta(description="It comes from another repository. Once true, it stays true.")
    ] = False
    draft: bool = False
    labels: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=100)] = ()
    base: Annotated[str, Meta(max_length=256, description="The branch that it goes into.")] = ""


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


class TestResult(Wire, frozen=True, kw_only=True):
    """How `kubepreview test` ended. It is somebody's use of the preview, too."""

    sha: Sha
    passed: bool
    finished_at: Time
    output: Annotated[str, Meta(max_length=16384, description="The end of what the test said.")] = ""


class Approval(Wire, frozen=True, kw_only=True):
    """Somebody who may approve has looked at this commit of a fork. It holds for no other."""

    sha: Sha
    by: Annotated[str, Meta(max_length=256, description="Who, as the apiserver knows them.")]
    at: Time


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
        Literal["Requested", "Expired", "PullRequestClosed"],
        Meta(
            description=(
                "Why it is in this state: somebody asked for it, it was not used any more, or GitHub said "
                "that the pull request is closed."
            )
        ),
    ] = "Requested"
    lifetime: Lifetime | None = None
    test: TestResult | None = None
    approval: Annotated[
        Approval | None,
        Meta(
            description=(
                "For a pull request of a fork. Only who has the verb `approve` on previews may write it: the "
                "apiserver refuses it of anybody else, of continuous integration too."
            )
        ),
    ] = None
    artifact: Annotated[
        str,
        Meta(
            description=(
                "Where the manifests come from, if the controller took them: registry/repository@digest. "
                "With a tag instead, which is the commit's SHA, they are still waited for."
            ),
            max_length=512,
        ),
    ] = ""
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
    kind: Literal["Change", "Extension", "Visit"]


class Granted(Wire, frozen=True, kw_only=True):
    """The extension that was granted last."""

    id: Annotated[str, Meta(max_length=64)]
    until: Time


class Scale(Wire, frozen=True, kw_only=True):
    """How many pods a workload has while it is awake; for one that cannot be counted, 1."""

    object: ObjectRef
    replicas: int


class Held(Wire, frozen=True, kw_only=True):
    """What kept it awake when nobody had visited it for long enough."""

    at: Time
    connections: Annotated[
        int, Meta(description="How many visitors were connected; 0 where that could not be seen.")
    ] = 0
    why: Text


class Sleep(Wire, frozen=True, kw_only=True):
    """Whether it sleeps, since when, and what must be known to wake it as it was."""

    asleep: bool
    since: Time
    sha: Annotated[str, Meta(description="The revision that was asked for when this was last decided.")] = ""
    wish: Annotated[str, Meta(description="The wish that was heeded last.", max_length=64)] = ""
    knock: Annotated[str, Meta(description="The visit that the gateway told of last.", max_length=64)] = ""
    gated: Annotated[
        bool, Meta(description="The gateway answers for its host, or may do so until it is seen gone.")
    ] = False
    tired: Annotated[bool, Meta(description="It fell asleep because nobody was there.")] = False
    held: Held | None = None
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


class Slot(Wire, frozen=True, kw_only=True):
    """Its slot among the project's maxPreviews: held, or since when it waits, and at which place."""

    held: bool = False
    waits_since: Time | None = None
    place: int = 0


class Kept(Wire, frozen=True, kw_only=True):
    """Evidence that is kept of the preview (`kubepreview evidence`): the last of each reason."""

    reason: Literal["Failed", "Closed"]
    sha: str
    taken_at: Time


class Posted(Wire, frozen=True, kw_only=True):
    """Something that stands on GitHub about the preview, as it was written last."""

    id: Annotated[int, Meta(description="By which GitHub knows it; 0 while nothing stands there.")] = 0
    sha: Annotated[str, Meta(max_length=64, description="The commit that it is about.")] = ""
    digest: Annotated[str, Meta(max_length=64, description="Of what was written.")] = ""
    gist: Annotated[str, Meta(max_length=64, description="Of what it said in the main.")] = ""
    problem: Annotated[str, Meta(max_length=1024, description="Why what is known is not written.")] = ""


class Feedback(Wire, frozen=True, kw_only=True):
    """What stands on GitHub about the preview."""

    comment: Posted | None = None
    deployment: Posted | None = None
    check: Posted | None = None


class Heard(Wire, frozen=True, kw_only=True):
    """The last comment on the pull request that was carried out as a command."""

    id: int
    by: Annotated[str, Meta(max_length=64)] = ""
    answer: Annotated[str, Meta(max_length=1024)] = ""


class Paths(Wire, frozen=True, kw_only=True):
    """Whether a commit of the pull request changes what the project makes previews for, as GitHub says."""

    sha: Sha
    rules: Annotated[str, Meta(max_length=64, description="By which rules that was so, as a digest.")] = ""
    changed: bool


class Compared(Wire, frozen=True, kw_only=True):
    """What a commit's preview had otherwise than the stable deployment, when it was applied."""

    sha: Sha
    at: Time
    namespace: Annotated[str, Meta(max_length=63, description="Of the stable deployment.")]
    differences: Annotated[
        tuple[Annotated[str, Meta(max_length=1024)], ...],
        Meta(max_length=32, description="By workload; names only, no values."),
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
    egress: Annotated[
        tuple[Text, ...],
        Meta(description="Where its pods may connect, as its project allows.", max_length=32),
    ] = ()
    inventory: Annotated[tuple[ObjectRef, ...], Meta(max_length=200)] = ()
    activity: Activity | None = None
    extension: Granted | None = None
    sleep: Sleep | None = None
    expires_at: Annotated[
        Time | None,
        Meta(description="When it closes if nobody does anything with it; never while it is kept."),
    ] = None
    receipt: Receipt | None = None
    slot: Slot | None = None
    evidence: Annotated[tuple[Kept, ...], Meta(max_length=4)] = ()
    feedback: Feedback | None = None
    command: Heard | None = None
    paths: Paths | None = None
    compared: Compared | None = None


class Preview(Wire, frozen=True, kw_only=True):
    """One pull request's preview."""

    metadata: Metadata
    spec: PreviewSpec
    status: PreviewStatus = field(default_factory=PreviewStatus)
