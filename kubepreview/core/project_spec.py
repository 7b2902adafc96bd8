"""PreviewProject: what the platform team decides for the previews of one repository, as typed values.

One of the two objects of the API group kubepreview.dev; the other is in `core.model`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from kubepreview.core.egress import RULES, Egress
from kubepreview.core.images import PLACE
from kubepreview.core.wire import Duration, Host, Metadata, Name, PodProfile, Quantity, Text, Wire


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
    idle_timeout: Annotated[
        Duration,
        Meta(
            description=(
                "How long the ingress keeps a connection to a pod that no request uses. A connection that "
                "lasts longer is a visitor's, such as an open WebSocket, and keeps a preview awake."
            )
        ),
    ] = "90s"


class Quota(Wire, frozen=True, kw_only=True):
    """What one preview may use at most; each becomes a hard limit of its ResourceQuota."""

    cpu: Annotated[Quantity, Meta(description="Sum of the CPU limits of its pods.")] = "8"
    memory: Annotated[Quantity, Meta(description="Sum of the memory limits of its pods.")] = "8Gi"
    ephemeral_storage: Annotated[Quantity, Meta(description="Sum of the scratch disk limits.")] = "10Gi"
    storage: Annotated[Quantity, Meta(description="Sum of the sizes of its volume claims.")] = "5Gi"
    pods: Annotated[int, Meta(description="Pods at once.", ge=1, le=500)] = 20


_Paths = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=64)]
_Labels = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=32)]


class PullRequestRules(Wire, frozen=True, kw_only=True):
    """Which pull requests have a preview. Those of forks have a rule of their own."""

    drafts: Annotated[Literal["Preview", "Skip"], Meta(description="What is done for a draft.")] = "Preview"
    bots: Annotated[
        Literal["Preview", "Skip"], Meta(description="What is done for one whose author is a bot.")
    ] = "Preview"
    labels: Annotated[_Labels, Meta(description="One of these is needed; empty needs none.")] = ()
    ignored_labels: Annotated[_Labels, Meta(description="With one of these there is no preview.")] = ()
    paths: Annotated[
        _Paths,
        Meta(
            description=(
                "It must change a file of one of these, for example src/*; a * matches slashes, too. "
                "Empty allows any. Which files it changes is asked of GitHub."
            )
        ),
    ] = ()
    ignored_paths: Annotated[
        _Paths, Meta(description="Files of these, for example docs/*, do not count as changed.")
    ] = ()
    commanding_bots: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
        Meta(description="Bots whose comments are heard as commands, like acme[bot].", max_length=16),
    ] = ()
    branches: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...],
        Meta(
            description="It must go into one of these, for example main or release/*; empty allows any.",
            max_length=32,
        ),
    ] = ()


_Number = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,19}$")]


class OidcIdentity(Wire, frozen=True, kw_only=True):
    """The repository as GitHub's tokens for workflows name it: by numbers, which no rename gives away."""

    repository_id: Annotated[_Number, Meta(description="The claim repository_id.")]
    owner_id: Annotated[_Number, Meta(description="The claim repository_owner_id.")]


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
    runtime_class_name: Annotated[
        Name | None,
        Meta(
            description=(
                "The RuntimeClass of every pod, such as a sandbox, or one whose scheduling chooses nodes "
                "that are there for previews. Pull requests name none."
            )
        ),
    ] = None
    fork_runtime_class_name: Annotated[
        Name | None, Meta(description="In its place for pull requests from forks.")
    ] = None
    tolerated_taints: Annotated[
        tuple[
            Annotated[str, Meta(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$", max_length=253)], ...
        ],
        Meta(description="Keys of taints that pods may tolerate, for such a RuntimeClass.", max_length=16),
    ] = ()
    pod_start: Annotated[
        Literal["AtOnce", "WhenIsolated"],
        Meta(
            description=(
                "WhenIsolated has every pod wait, before anything of the pull request runs in it, until the "
                "network policies hold it; for network plugins that do not see to it (`kubepreview doctor`)."
            )
        ),
    ] = "AtOnce"
    egress: Annotated[
        tuple[Annotated[Egress, Meta(extra_json_schema={"x-kubernetes-validations": list(RULES)})], ...],
        Meta(
            description=(
                "Where previews may connect, beside their own namespace and DNS; empty allows nothing. Each "
                "preview's status tells it."
            ),
            max_length=32,
        ),
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
        Literal["Off", "Approved"],
        Meta(
            description=(
                "Whether pull requests from forks may have a preview: never, or each commit that somebody "
                "who may approve has approved (`kubepreview approve`)."
            )
        ),
    ] = "Off"
    oidc: Annotated[
        OidcIdentity | None,
        Meta(
            description=(
                "Whose workflow may log in with GitHub's own token, where the apiserver believes it "
                "(`kubepreview project oidc`)."
            )
        ),
    ] = None
    artifacts: Annotated[
        str,
        Meta(
            description=(
                "Where continuous integration publishes what the controller then takes: registry/repository. "
                "Left out, continuous integration writes Previews itself."
            ),
            # The tag of each is the SHA of its commit.
            pattern=f"^({PLACE})?$",
            max_length=200,
        ),
    ] = ""
    pull_requests: PullRequestRules = field(default_factory=PullRequestRules)
    time_to_live: Annotated[
        Duration,
        Meta(
            description=(
                "A preview that nobody has used for so long is closed. Its status says so a day before."
            )
        ),
    ] = "7d"
    max_previews: Annotated[
        Annotated[int, Meta(ge=0, le=1000)],
        Meta(
            description=(
                "How many previews may have pods at once; more wait in a queue. Those that sleep or have "
                "failed are not counted. 0 is no limit."
            )
        ),
    ] = 0
    evidence_for: Annotated[
        Duration,
        Meta(
            description=(
                "How long the logs, events and manifests of a preview that failed or closed are kept, beside "
                "its Preview. `kubepreview evidence` shows them."
            )
        ),
    ] = "7d"
    sleep_after: Annotated[
        str,
        Meta(
            description=(
                "A preview that nobody has visited for so long sleeps: it has no pods until the next visit. "
                "Never keeps it awake. Where visits cannot be seen it stays awake, and its status says so."
            ),
            pattern=r"^([1-9][0-9]{0,4}[smhd]|Never)$",
        ),
    ] = "1h"
    on_push: Annotated[
        Literal["Wake", "StayAsleep"],
        Meta(description="Whether a push wakes a sleeping preview, or changes it in its sleep."),
    ] = "Wake"
    feedback: Annotated[
        tuple[Literal["Comment", "Deployment", "Check"], ...],
        Meta(
            description=(
                "What stands on the pull request about its preview: a comment, a GitHub Deployment, a check "
                "run. Each costs writes to GitHub with every push: two, up to three, two."
            ),
            max_length=3,
        ),
    ] = ("Comment",)
    passive_agents: Annotated[
        tuple[Annotated[str, Meta(min_length=3, max_length=128)], ...],
        Meta(
            description=(
                "Words of user agents that neither wake a preview nor keep it awake, beside the crawlers, "
                "link unfurlers and uptime monitors that are known."
            ),
            max_length=64,
        ),
    ] = ()


class PreviewProject(Wire, frozen=True, kw_only=True):
    """A repository's place in the cluster: one per control namespace, owned by the platform team."""

    metadata: Metadata
    spec: ProjectSpec
