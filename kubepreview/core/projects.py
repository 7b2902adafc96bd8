"""What a project is made of: its control namespace, its PreviewProject, and the identity of its CI.

Everything that is not given follows from the name, or from what was seen of the cluster; what follows
from neither is asked for, all of it at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from kubepreview.core import egress, keys, oidc
from kubepreview.core.ingress import IngressClass, default_class
from kubepreview.core.own_objects import account_ref, role_and_binding, rule
from kubepreview.core.project_spec import PreviewProject, ProjectSpec
from kubepreview.core.wire import Object, PodProfile, whole
from kubepreview.errors import InvalidInput, Problem

_RBAC: Final = "rbac.authorization.k8s.io"


# Of the controller, in the control namespace: to keep evidence of previews, and to write Previews itself.
_EVIDENCE: Final = (rule("", ["configmaps"], ("get", "list", "create", "patch", "delete")),)
_TAKING: Final = (rule(keys.GROUP, ["previews"], ("create", "patch")),)

NOTHING: Final = "Nothing"
"""The word for no feedback at all."""


class Given(Struct, frozen=True, kw_only=True):
    """What the platform owner said. Empty means: decide for me."""

    name: str
    repository: str
    namespace: str = ""
    namespace_pattern: str = ""
    host_pattern: str = ""
    baseline_namespace: str = ""
    baseline_host: str = ""
    ingress_class: str = ""
    ingress_namespace: str = ""
    ingress_address: str = ""
    ingress_idle_timeout: str = ""
    forks: str = ""
    scheme: str = ""
    port: int | None = None
    pod_profile: str = ""
    image_prefixes: tuple[str, ...] = ()
    egress: tuple[str, ...] = ()
    pod_start: str = ""
    runtime_class_name: str = ""
    fork_runtime_class_name: str = ""
    tolerated_taints: tuple[str, ...] = ()
    revision_path: str = ""
    daemon_sets: str = ""
    time_to_live: str = ""
    max_previews: int = 0
    evidence_for: str = ""
    sleep_after: str = ""
    passive_agents: tuple[str, ...] = ()
    on_push: str = ""
    feedback: tuple[str, ...] = ()
    pull_requests: Mapping[str, Any] = field(default_factory=dict)
    quota: Mapping[str, Any] = field(default_factory=dict)
    artifacts: str = ""
    oidc: Mapping[str, str] = field(default_factory=dict)

    @property
    def control_namespace(self) -> str:
        """Where the project and its previews are written."""
        return self.namespace or f"{self.name}-previews"


class Ingress(Struct, frozen=True, kw_only=True):
    """The pods behind an IngressClass, as seen: their namespaces, and an address of theirs inside."""

    namespaces: tuple[str, ...] = ()
    address: str = ""


class Seen(Struct, frozen=True, kw_only=True):
    """What the cluster shows.

    `user_namespaces` is why pods cannot have them, empty if they can. `mutates`: policies can put something
    into pods. `local_port` is where this machine publishes the ingress, 0 for a cluster elsewhere.
    """

    classes: tuple[IngressClass, ...] = ()
    ingresses: Mapping[str, Ingress] = field(default_factory=dict)
    user_namespaces: str = ""
    mutates: bool = True
    local_port: int = 0


def project_spec(given: Given, seen: Seen) -> ProjectSpec:
    """The spec, checked as the apiserver will; InvalidInput tells all that is missing or wrong."""
    problems: list[Problem] = []
    host = _host_pattern(given, seen, problems)
    route = _route(given, seen, host, problems)
    if problems:
        raise InvalidInput(f"project {given.name} cannot be created yet", problems=problems)
    chosen = {
        "repository": given.repository,
        "namespacePattern": given.namespace_pattern or f"{given.name}-pr-{{number}}",
        "hostPattern": host,
        "baseline": {
            "namespace": given.baseline_namespace or f"{given.name}-staging",
            **({"host": given.baseline_host} if given.baseline_host else {}),
        },
        "route": route,
        "podProfile": given.pod_profile or pod_profile(seen),
        # Whether the network plugin isolates pods before they start is unknown; waiting takes half a second.
        "podStart": given.pod_start or ("WhenIsolated" if seen.mutates else "AtOnce"),
        "imagePrefixes": list(given.image_prefixes),
        "quota": dict(given.quota),
        "revisionPath": given.revision_path,
        "daemonSets": given.daemon_sets or "Deployment",
        **{name: value for name, value in _said(given).items() if value},
        # Of feedback, none may be meant.
        **({"feedback": [each for each in given.feedback if each != NOTHING]} if given.feedback else {}),
    }
    return _checked(given, chosen)


def _said(given: Given) -> Object:
    """What has a default of its own where nothing is said."""
    return {
        "forks": given.forks,
        "timeToLive": given.time_to_live,
        "maxPreviews": given.max_previews,
        "evidenceFor": given.evidence_for,
        "sleepAfter": given.sleep_after,
        "passiveAgents": list(given.passive_agents),
        "onPush": given.on_push,
        "oidc": dict(given.oidc),
        "artifacts": given.artifacts,
        "pullRequests": dict(given.pull_requests),
        "runtimeClassName": given.runtime_class_name,
        "forkRuntimeClassName": given.fork_runtime_class_name,
        "toleratedTaints": list(given.tolerated_taints),
        "egress": [egress.parse(each) for each in given.egress],
    }


def pod_profile(seen: Seen) -> PodProfile:
    """A user namespace for every pod where the cluster can: most applications do not meet `restricted`."""
    return "restricted" if seen.user_namespaces else "userns"


def objects(given: Given, spec: ProjectSpec) -> tuple[Object, ...]:
    """What `project create` applies, in order."""
    namespace = given.control_namespace
    labels = {"app.kubernetes.io/part-of": "kubepreview"}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}},
        {
            "apiVersion": keys.API_VERSION,
            "kind": "PreviewProject",
            "metadata": {"name": given.name, "namespace": namespace},
            "spec": msgspec.to_builtins(spec),
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": keys.CI_ACCOUNT, "namespace": namespace, "labels": labels},
            "automountServiceAccountToken": False,
        },
        _ci_role(namespace, labels),
        {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": keys.CI_ROLE, "namespace": namespace, "labels": labels},
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": keys.CI_ROLE},
            "subjects": list(_ci_subjects(namespace, spec)),
        },
        *_controllers_rights(keys.EVIDENCE_ROLE, namespace, labels, _EVIDENCE),
        *(_controllers_rights(keys.TAKER_ROLE, namespace, labels, _TAKING) if spec.artifacts else ()),
    )


def _ci_subjects(namespace: str, spec: ProjectSpec) -> Iterator[Object]:
    yield {"kind": "ServiceAccount", "name": keys.CI_ACCOUNT, "namespace": namespace}
    if spec.oidc:
        yield {"kind": "User", "apiGroup": _RBAC, "name": oidc.username(spec.oidc)}


def _controllers_rights(
    name: str, namespace: str, labels: Mapping[str, str], rules: Sequence[Object]
) -> Iterator[Object]:
    """What the controller may do here and in no other namespace."""
    holder = account_ref(keys.CONTROLLER, keys.SYSTEM_NAMESPACE)
    for obj in role_and_binding(name, namespace, rules, holder):
        yield {**obj, "metadata": {**obj["metadata"], "labels": labels}}


def _ci_role(namespace: str, labels: Mapping[str, str]) -> Object:
    """The whole of what a workflow may do in the cluster. Closing is a patch; nothing is deleted."""
    previews = {
        "apiGroups": [keys.GROUP],
        "resources": ["previews"],
        "verbs": ["get", "list", "watch", "create", "patch"],
    }
    project = {"apiGroups": [keys.GROUP], "resources": ["previewprojects"], "verbs": ["get"]}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": {"name": keys.CI_ROLE, "namespace": namespace, "labels": labels},
        "rules": [previews, project],
    }


def _host_pattern(given: Given, seen: Seen, problems: list[Problem]) -> str:
    if given.host_pattern:
        return given.host_pattern
    if given.baseline_host:
        return f"pr-{{number}}.{given.baseline_host}"
    if seen.local_port:
        return f"pr-{{number}}.{given.name}.localhost"
    problems.append(
        Problem(
            where="--host-pattern",
            what="is not given, and there is no --baseline-host to put previews below",
            cure="for example --host-pattern 'pr-{number}.preview.example.com', with a wildcard DNS record",
        )
    )
    return ""


def _route(given: Given, seen: Seen, host: str, problems: list[Problem]) -> Object:
    chosen = _ingress_class(given, seen, problems)
    ingress = seen.ingresses.get(chosen, Ingress())
    # Names below .localhost lead to this machine, and from a pod to the pod itself: people are given the
    # published port, and the controller the way to the ingress.
    is_local = host.endswith(".localhost")
    port = given.port if given.port is not None else (seen.local_port if is_local else 0)
    address = given.ingress_address or (ingress.address if is_local else "")
    return {
        "ingressClassName": chosen,
        "ingressNamespace": given.ingress_namespace or _ingress_namespace(chosen, ingress, problems),
        "address": address,
        "scheme": given.scheme or "http",
        "port": port,
        **({"idleTimeout": given.ingress_idle_timeout} if given.ingress_idle_timeout else {}),
    }


def _ingress_class(given: Given, seen: Seen, problems: list[Problem]) -> str:
    names = [each.name for each in seen.classes]
    there = f"there is {', '.join(names)}" if names else "the cluster has none: install an ingress controller"
    if given.ingress_class:
        if given.ingress_class not in names:
            problems.append(
                Problem(where="--ingress-class", what=f"no IngressClass {given.ingress_class}", cure=there)
            )
        return given.ingress_class
    default = default_class(seen.classes)
    if default is None:
        problems.append(
            Problem(
                where="--ingress-class",
                what="is not given, and the cluster marks no default IngressClass",
                cure=there,
            )
        )
        return ""
    return default.name


def _ingress_namespace(chosen: str, ingress: Ingress, problems: list[Problem]) -> str:
    if len(ingress.namespaces) == 1:
        return ingress.namespaces[0]
    if chosen:
        seen = f"its pods run in {', '.join(ingress.namespaces)}" if ingress.namespaces else "none were found"
        problems.append(
            Problem(
                where="--ingress-namespace",
                what=f"the namespace of the pods behind IngressClass {chosen} is not known ({seen})",
                cure="name the one whose pods connect to previews",
            )
        )
    return ""


def _checked(given: Given, chosen: Object) -> ProjectSpec:
    try:
        spec = msgspec.convert(
            {"metadata": {"name": given.name, "namespace": given.control_namespace}, "spec": chosen},
            PreviewProject,
        ).spec
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise InvalidInput(
            f"project {given.name} would not be valid",
            problems=[Problem(where=where.strip("`").replace("$.", "PreviewProject: "), what=what)],
            hint="`kubepreview project create --help` tells each option",
        ) from error
    problems = [
        Problem(where=f"--egress {written}", what=what)
        for written, each in zip(given.egress, spec.egress, strict=True)
        if (what := egress.problem(each))
    ]
    if problems:
        raise InvalidInput(f"project {given.name} would not be valid", problems=problems)
    return spec


def changes(stored: Object, wanted: ProjectSpec) -> tuple[str, ...]:
    """What `wanted` would change in a stored PreviewProject: ``spec.quota.cpu: 4 → 8``."""
    return tuple(_changes(whole(msgspec.convert(stored["spec"], ProjectSpec)), whole(wanted), "spec"))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, old in before.items():
        new = after[key]
        if isinstance(old, dict):
            yield from _changes(old, new, f"{path}.{key}")
        elif old != new:
            yield f"{path}.{key}: {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
