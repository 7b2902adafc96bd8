"""What `doctor` makes of what it saw: one finding a check, each with its verdict and how to mend it.

An answer that did not come is `unknown`, never `ok` and never `fail`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from kubepreview import __version__
from kubepreview.core import brake, names, own_objects
from kubepreview.core.brake import Brake
from kubepreview.core.ingress import IngressClass
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object

Verdict = Literal["ok", "warn", "fail", "unknown"]

# Pod Security of 1.34 is what previews are held to, and namespaces of 1.34 end pods before policies.
_WANTED_MINOR: Final = 34
# ValidatingAdmissionPolicy v1 came with 1.30; without it there is no wall.
_LEAST_MINOR: Final = 30
# A number that no pull request has, so that only a wildcard record can answer for it.
TRIAL_NUMBER: Final = 2_000_000_011
_MINOR: Final = re.compile(r"v?1\.([0-9]+)")


class Finding(Struct, frozen=True, kw_only=True):
    """One check: what was seen, and what to do where that is not as it should be."""

    name: str
    verdict: Verdict
    seen: str
    cure: str = ""


class Project(Struct, frozen=True, kw_only=True):
    """A PreviewProject, as far as it can be wrong about its cluster."""

    name: str
    spec: ProjectSpec


def version(git_version: str, *, mutates: bool) -> Finding:
    """The cluster's version, and whether it can put user namespaces into pods."""
    found = _MINOR.match(git_version)
    minor = int(found[1]) if found else 0
    name, cure = "cluster version", f"upgrade the cluster to 1.{_WANTED_MINOR} or later"
    if minor < _LEAST_MINOR:
        return Finding(name=name, verdict="fail", seen=git_version, cure=cure)
    if minor < _WANTED_MINOR:
        return Finding(
            name=name,
            verdict="warn",
            seen=f"{git_version}: its namespaces may lose their network policies before their pods",
            cure=cure,
        )
    if not mutates:
        return Finding(
            name=name,
            verdict="warn",
            seen=f"{git_version}, without MutatingAdmissionPolicy v1",
            cure="projects need podProfile restricted; Kubernetes 1.36 serves it",
        )
    return Finding(name=name, verdict="ok", seen=git_version)


def installed(missing: Sequence[str], processes: Mapping[str, Object | None]) -> Iterator[Finding]:
    """Whether everything that `install` brings is there, and what runs, runs and is of this version.

    `processes`: the Deployments, by what people call them; the controller's first.
    """
    cure = "run `kubepreview install`"
    if processes["controller"] is None:
        yield Finding(name="installation", verdict="fail", seen="there is no controller", cure=cure)
        return
    if missing:
        shown = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")  # noqa: PLR2004 - a line's worth
        yield Finding(name="installation", verdict="fail", seen=f"missing: {shown}", cure=cure)
    else:
        yield Finding(name="installation", verdict="ok", seen="kinds, policies and rights are there")
    for name, deployment in processes.items():
        if deployment is not None:
            yield _running(name, deployment)


def brakes(found: Sequence[Brake]) -> Finding:
    """Whether something waits for a person's word before it is deleted."""
    held = [f"{len(each.waits)} {brake.WHAT[each.name]}" for each in found if each.waits]
    if not held:
        return Finding(name="brakes", verdict="ok", seen="they hold nothing")
    return Finding(name="brakes", verdict="warn", seen=f"they hold {' and '.join(held)}", cure=brake.CURE)


def _running(name: str, deployment: Object) -> Finding:
    metadata = deployment["metadata"]
    there = (metadata.get("labels") or {}).get(own_objects.VERSION_LABEL, "unknown")
    available = deployment.get("status", {}).get("availableReplicas", 0)
    if not available:
        logs = f"`kubectl -n {metadata['namespace']} describe pods` says why"
        return Finding(name=name, verdict="fail", seen="no replica is available", cure=logs)
    if there != __version__:
        seen = f"it is {there}, this command is {__version__}"
        cure = f"run `kubepreview install`, or use the command of {there}"
        return Finding(name=name, verdict="warn", seen=seen, cure=cure)
    return Finding(name=name, verdict="ok", seen=f"{there}, {available} available")


def rights(allowed: Mapping[str, bool]) -> Finding:
    """What the caller may do, of what an operator of previews does."""
    lacking = [what for what, may in allowed.items() if not may]
    if not lacking:
        return Finding(name="your rights", verdict="ok", seen="all that an operator needs")
    return Finding(
        name="your rights",
        verdict="warn",
        seen=f"you may not {'; not '.join(lacking)}",
        cure="ask for them, or have an administrator run install, project and doctor",
    )


def ingress(classes: Sequence[IngressClass], projects: Sequence[Project]) -> Iterator[Finding]:
    """Whether there is a class, whether each project's is there, and whether somebody still mends it."""
    if not classes:
        yield Finding(
            name="ingress",
            verdict="fail",
            seen="the cluster has no IngressClass",
            cure="install an ingress controller that serves Ingress v1, for example Traefik",
        )
        return
    used = {project.spec.route.ingress_class_name for project in projects}
    for each in classes:
        retired = each.controller.retired if each.controller else ""
        name = f"ingress class {each.name}"
        if retired:
            what = f"{each.word}{', used by a project' if each.name in used else ''}"
            yield Finding(name=name, verdict="warn", seen=what, cure=retired)
        else:
            yield Finding(name=name, verdict="ok", seen=each.word)
    there = {each.name for each in classes}
    for project in projects:
        wanted = project.spec.route.ingress_class_name
        if wanted not in there:
            yield Finding(
                name=f"ingress of {project.name}",
                verdict="fail",
                seen=f"its ingressClassName is {wanted}, and there is only {', '.join(sorted(there))}",
                cure=f"`kubectl edit previewproject {project.name}`, or install that class",
            )


def trial_host(project: Project) -> str:
    """A host of the project's pattern that no preview has."""
    return names.host_name(project.spec, TRIAL_NUMBER)


def wildcard(project: Project, addresses: Sequence[str], trouble: str = "") -> Finding:
    """Whether a name of the project's pattern leads anywhere. `trouble` is why nobody could say."""
    name, host = f"DNS of {project.name}", trial_host(project)
    first, _, rest = project.spec.host_pattern.partition(".")
    record = f"{'*' if '{number}' in first else first}.{rest}"
    if host.endswith(".localhost"):
        return Finding(name=name, verdict="ok", seen=f"{record} leads to the machine of whoever asks, only")
    if trouble:
        return Finding(
            name=name, verdict="unknown", seen=trouble, cure="ask again from where previews are visited"
        )
    if not addresses:
        return Finding(
            name=name,
            verdict="fail",
            seen=f"{host} has no address",
            cure=f"add a DNS record for {record} that leads to the ingress",
        )
    return Finding(name=name, verdict="ok", seen=f"{record} → {', '.join(addresses)}")


def user_namespaces(trouble: str, projects: Sequence[Project]) -> Finding:
    """What the nodes report. `trouble` is why pods cannot have them, empty if they can."""
    name = "user namespaces"
    if not trouble:
        return Finding(name=name, verdict="ok", seen="every node's container runtime reports them")
    wanting = [project.name for project in projects if project.spec.pod_profile == "userns"]
    cure = "they need containerd 2 or CRI-O, runc 1.2, and Linux 6.3"
    if wanting:
        seen = f"{trouble}, and podProfile is userns in {', '.join(wanting)}"
        return Finding(name=name, verdict="fail", seen=seen, cure=f"set it to restricted; {cure}")
    return Finding(
        name=name, verdict="warn", seen=trouble, cure=f"projects need podProfile restricted; {cure}"
    )


def kubelets(configurations: Mapping[str, Mapping[str, Any]], unread: Sequence[str]) -> Finding:
    """What only nodes hold back: processes without number, and what a kubelet tells everybody who asks.

    `configurations`: by node, its KubeletConfiguration. `unread`: the nodes that did not tell theirs.
    """
    name = "limits of nodes"
    endless = [node for node, each in configurations.items() if int(each.get("podPidsLimit") or -1) <= 0]
    telling = [node for node, each in configurations.items() if each.get("readOnlyPort")]
    if endless or telling:
        seen = [f"no podPidsLimit on {', '.join(endless[:5])}"] if endless else []
        seen += [f"a readOnlyPort on {', '.join(telling[:5])}"] if telling else []
        return Finding(
            name=name,
            verdict="warn",
            seen=" and ".join(seen),
            cure="set podPidsLimit (4096 is plenty) and readOnlyPort 0 in the KubeletConfiguration: else a "
            "preview could use up its node's processes, or read what runs there",
        )
    if unread:
        seen_of = f"the kubelets of {', '.join(unread[:5])} may not be asked (nodes/proxy)"
        return Finding(name=name, verdict="unknown", seen=seen_of, cure="see that podPidsLimit is set there")
    return Finding(
        name=name, verdict="ok", seen="processes of a pod are limited, and no kubelet tells everybody"
    )


def uid_map(log: str) -> Finding:
    """What a pod with hostUsers: false says of who its root is outside: /proc/self/uid_map."""
    name = "a pod's own users"
    found = re.match(r"\s*0\s+([0-9]+)\s+[0-9]+", log)
    if found is None:
        return Finding(name=name, verdict="unknown", seen=f"the pod said {log[:80]!r}")
    if found[1] == "0":
        return Finding(
            name=name,
            verdict="fail",
            seen="root in a pod is root on the node, although hostUsers is false",
            cure="set podProfile to restricted; the container runtime ignores hostUsers",
        )
    return Finding(name=name, verdict="ok", seen=f"root in a pod is {found[1]} on the node (tried)")


def network(*, opened_before: bool, closed_after: bool, said: str) -> Finding:
    """Whether a default-deny policy is enforced; without the positive control, nothing is known."""
    name = "network policies"
    if not opened_before:
        return Finding(
            name=name,
            verdict="unknown",
            seen=f"two pods without any policy could not connect either: {said}",
            cure="see that pods reach each other, then ask again",
        )
    if not closed_after:
        return Finding(
            name=name,
            verdict="fail",
            seen="a connection that default-deny forbids still opens (tried)",
            cure="install a network plugin that enforces NetworkPolicy: without it previews reach "
            "everything in the cluster",
        )
    return Finding(name=name, verdict="ok", seen="a connection opened before the policy, none after (tried)")


def network_start(first_tries: Sequence[bool], projects: Sequence[Project]) -> Finding:
    """Whether a pod is held by policies from its first instruction on, as Kubernetes asks of network plugins.

    `first_tries`: of a pod that begins under a policy which forbids it, whether each try connected.
    """
    name = "network policies at a start"
    if not first_tries:
        return Finding(name=name, verdict="unknown", seen="the pod said nothing")
    if not any(first_tries):
        return Finding(name=name, verdict="ok", seen="a pod is held from its first instruction on (tried)")
    seen = "a pod that begins under default-deny connects before the policy holds it (tried)"
    if hasty := [each.name for each in projects if each.spec.pod_start == "AtOnce"]:
        return Finding(
            name=name,
            verdict="warn",
            seen=f"{seen}, and pods of {', '.join(hasty)} start at once",
            cure="`project create … --pod-start WhenIsolated --replace`, or a network plugin that isolates "
            "pods before they start",
        )
    return Finding(name=name, verdict="ok", seen=f"{seen}; no project starts its pods at once")


def registry(host: str, trouble: str) -> Finding:
    """Whether a registry answers from here; the cluster may have another way to it."""
    name = f"registry {host}"
    if not trouble:
        return Finding(name=name, verdict="ok", seen="answers")
    return Finding(
        name=name,
        verdict="warn",
        seen=f"no answer on this machine: {trouble}",
        cure="`kubepreview up` asks it for digests: give images by digest, or open the way to it",
    )


def registries(projects: Sequence[Project], images: Sequence[str]) -> tuple[str, ...]:
    """The hosts that images come from: those of allowed prefixes, and of these images."""
    texts = [*images, *(prefix for project in projects for prefix in project.spec.image_prefixes)]
    hosts = (text.partition("/")[0] for text in texts if "/" in text)
    return tuple(dict.fromkeys(host for host in hosts if re.search(r"[.:]|^localhost$", host)))


def plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """As JSON gives them."""
    return [
        {"name": each.name, "verdict": each.verdict, "seen": each.seen, "cure": each.cure}
        for each in findings
    ]
