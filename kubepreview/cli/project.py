"""`project`: make a repository's place in the cluster, show it, and hand out what its CI needs."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import click
import msgspec

from kubepreview.cli import facts
from kubepreview.cli.caller import Caller
from kubepreview.cli.connection import Connection, connect, connection_options
from kubepreview.cli.durations import Duration
from kubepreview.cli.output import Format, as_yaml, output_option, write_data
from kubepreview.core import keys, names, oidc, projects
from kubepreview.core.project_spec import PreviewProject, ProjectSpec
from kubepreview.core.wire import Object
from kubepreview.errors import InvalidInput, NotFound, Refused
from kubepreview.kube.client import Client
from kubepreview.kube.errors import ObjectNotFound
from kubepreview.kube.resources import PREVIEW_PROJECTS, PREVIEWS, SERVICE_ACCOUNTS

_SHORTEST_TOKEN_S = 600  # the apiserver's own bound
_RULES = ("drafts", "bots", "labels", "ignored_labels", "branches", "paths", "ignored_paths")
_QUOTA = ("cpu", "memory", "ephemeral-storage", "storage")


@click.group()
def project() -> None:
    """Create and show projects: what the platform team decides for one repository's previews."""


@project.command()
@click.argument("name")
@click.option("--repository", required=True, metavar="OWNER/NAME", help="The repository on GitHub.")
@click.option("--namespace", default="", help="The control namespace.  [default: NAME-previews]")
@click.option(
    "--namespace-pattern",
    default="",
    help="The namespace of a preview. It cannot be changed later.  [default: NAME-pr-{number}]",
)
@click.option(
    "--host-pattern", default="", help="The host of a preview.  [default: pr-{number}.BASELINE-HOST]"
)
@click.option("--baseline-namespace", default="", help="The stable deployment's.  [default: NAME-staging]")
@click.option("--baseline-host", default="", help="The stable deployment's host.")
@click.option("--ingress-class", default="", help="[default: the cluster's default IngressClass]")
@click.option(
    "--ingress-namespace", default="", help="Where the ingress's pods run.  [default: where they are seen]"
)
@click.option(
    "--ingress-address",
    default="",
    metavar="HOST:PORT",
    help="Where the controller reaches the ingress, if not by the preview's host.",
)
@click.option(
    "--ingress-idle-timeout",
    default="",
    help="How long the ingress keeps a connection to a pod that no request uses.  [default: 90s]",
)
@click.option("--scheme", type=click.Choice(["http", "https"]), default="http", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), help="Of the link, if not the scheme's own.")
@click.option(
    "--pod-profile",
    type=click.Choice(["userns", "restricted"]),
    help="[default: userns if the nodes can, else restricted]",
)
@click.option(
    "--image-prefix", "image_prefixes", multiple=True, help="An allowed start of images; repeat it."
)
@click.option("--runtime-class", "runtime_class_name", default="", help="The RuntimeClass of every pod.")
@click.option(
    "--fork-runtime-class",
    "fork_runtime_class_name",
    default="",
    help="In its place for pull requests from forks, such as a sandbox.",
)
@click.option(
    "--tolerated-taint",
    "tolerated_taints",
    multiple=True,
    metavar="KEY",
    help="A taint that pods may tolerate, for a RuntimeClass with nodes of its own; repeat it.",
)
@click.option(
    "--pod-start",
    type=click.Choice(["AtOnce", "WhenIsolated"]),
    help="WhenIsolated: no pod begins before the network policies hold it (`kubepreview doctor`).  "
    "[default: WhenIsolated if the cluster can]",
)
@click.option(
    "--egress",
    "egress",
    multiple=True,
    metavar="WHERE[=PORTS]",
    help=(
        "Where previews may connect: 203.0.113.0/24=443,53/UDP or namespace/NAME=8080; 0.0.0.0/0 is the "
        "internet, without private networks. Repeat it.  [default: nowhere]"
    ),
)
@click.option("--revision-path", default="", help="A path whose answer contains the commit's SHA.")
@click.option("--daemon-sets", type=click.Choice(["Deployment", "Keep"]), default="Deployment")
@click.option(
    "--forks",
    type=click.Choice(["Off", "Approved"]),
    default="Off",
    show_default=True,
    help="Whether pull requests from forks may have a preview: never, or each commit that is approved.",
)
@click.option(
    "--time-to-live",
    default="",
    help="A preview that nobody used for so long is closed.  [default: 7d]",
)
@click.option(
    "--max-previews",
    type=click.IntRange(0, 1000),
    default=0,
    help="How many previews may have pods at once; more wait in a queue.  [default: no limit]",
)
@click.option(
    "--evidence-for",
    default="",
    help="How long logs, events and manifests of what failed or closed are kept.  [default: 7d]",
)
@click.option(
    "--sleep-after",
    default="",
    help="A preview that nobody visited for so long sleeps until the next visit; or Never.  [default: 1h]",
)
@click.option(
    "--passive-agent",
    "passive_agents",
    multiple=True,
    help="A word of user agents that wake no preview and keep none awake; repeat it.",
)
@click.option(
    "--on-push",
    type=click.Choice(["Wake", "StayAsleep"]),
    default="Wake",
    show_default=True,
    help="What a push does to a preview that sleeps.",
)
@click.option(
    "--drafts", type=click.Choice(["Preview", "Skip"]), help="What is done for a draft.  [default: Preview]"
)
@click.option(
    "--bots",
    type=click.Choice(["Preview", "Skip"]),
    help="What is done for a pull request of a bot.  [default: Preview]",
)
@click.option("--label", "labels", multiple=True, help="One of these is needed; repeat it.")
@click.option(
    "--ignore-label", "ignored_labels", multiple=True, help="With it there is no preview; repeat it."
)
@click.option(
    "--branch", "branches", multiple=True, help="It must go into one of these, like release/*; repeat it."
)
@click.option(
    "--path", "paths", multiple=True, help="It must change a file of one of these, like src/*; repeat it."
)
@click.option(
    "--ignore-path", "ignored_paths", multiple=True, help="Files that do not count as changed; repeat it."
)
@click.option(
    "--feedback",
    multiple=True,
    type=click.Choice(["Comment", "Deployment", "Check", projects.NOTHING]),
    help="What stands on a pull request about its preview; repeat it.  [default: Comment]",
)
@click.option(
    "--artifacts",
    default="",
    metavar="REGISTRY/REPOSITORY",
    help="Where CI publishes what the controller then takes.  [default: CI writes Previews itself]",
)
@click.option(
    "--repository-id",
    default="",
    metavar="NUMBER",
    help="With --owner-id: its workflow may log in with GitHub's own token (`kubepreview project oidc`).",
)
@click.option("--owner-id", default="", metavar="NUMBER", help="GitHub's number of the repository's owner.")
@click.option("--quota-cpu", default="", help="Of one preview, like each --quota.  [default: 8]")
@click.option("--quota-memory", default="", help="[default: 8Gi]")
@click.option("--quota-ephemeral-storage", default="", help="[default: 10Gi]")
@click.option("--quota-storage", default="", help="[default: 5Gi]")
@click.option("--quota-pods", type=click.IntRange(1, 500), help="[default: 20]")
@click.option("--replace", is_flag=True, help="Change a project that exists.")
@click.option("--dry-run", is_flag=True, help="Print the objects; change nothing.")
@connection_options
@click.pass_obj
def create(
    caller: Caller, /, connection: Connection, *, replace: bool, dry_run: bool, **options: Any
) -> None:
    """Create project NAME: its control namespace, its PreviewProject, and its CI's identity."""
    given = _given(options)
    asyncio.run(_create(caller, connection, given, replace=replace, dry_run=dry_run))


@project.command()
@click.argument("name")
@click.option("--namespace", default="", help="The control namespace.  [default: NAME-previews]")
@output_option
@connection_options
@click.pass_obj
def show(caller: Caller, /, connection: Connection, name: str, namespace: str, output: Format) -> None:
    """Show what is decided for project NAME, and its previews."""
    asyncio.run(_show(caller, connection, name, namespace or f"{name}-previews", output))


@project.command("ci-kubeconfig")
@click.argument("name")
@click.option("--namespace", default="", help="The control namespace.  [default: NAME-previews]")
@click.option(
    "--duration",
    "lifetime_s",
    type=Duration(),
    default="90d",
    show_default=True,
    help="How long it is good for: 30m, 8h, 7d.",
)
@click.option("--server", default="", help="The apiserver's URL as CI reaches it.  [default: as used here]")
@connection_options
@click.pass_obj
def ci_kubeconfig(
    caller: Caller, /, connection: Connection, name: str, lifetime_s: int, **options: str
) -> None:
    """Print a kubeconfig that may write the previews of project NAME, and nothing else."""
    namespace = options["namespace"] or f"{name}-previews"
    if lifetime_s < _SHORTEST_TOKEN_S:
        raise InvalidInput("--duration: the apiserver asks for at least 10m")
    asyncio.run(_ci_kubeconfig(caller, connection, name, namespace, lifetime_s, options["server"]))


@project.command("oidc")
@click.option("--audience", default=oidc.AUDIENCE, show_default=True, help="For whom the tokens are made.")
@connection_options
@click.pass_obj
def project_oidc(caller: Caller, /, connection: Connection, audience: str) -> None:
    """Print the AuthenticationConfiguration by which the apiserver believes workflows of all projects.

    Those whose --repository-id and --owner-id are known. It is for the apiserver's --authentication-config.
    """
    found = asyncio.run(_projects(caller, connection))
    identities = {name: spec.oidc for name, spec in found.items() if spec.oidc}
    if not identities:
        raise NotFound(
            "no project has a repository that may log in with GitHub's tokens",
            hint="`kubepreview project create … --repository-id NUMBER --owner-id NUMBER`; "
            "`gh api repos/OWNER/NAME --jq '.id, .owner.id'` prints both",
        )
    caller.streams.data(as_yaml(oidc.authentication_configuration(identities.values(), audience)))
    caller.streams.talk(
        f"For {', '.join(sorted(identities))}. Put it into the apiserver's file, and print it"
    )
    caller.streams.talk("anew when a project comes or goes: the apiserver reads the file again by itself.")


async def _projects(caller: Caller, connection: Connection) -> dict[str, ProjectSpec]:
    async with connect(connection, caller) as client:
        found = [msgspec.convert(each, PreviewProject) for each in await client.list(PREVIEW_PROJECTS)]
    return {f"{each.metadata.namespace}/{each.metadata.name}": each.spec for each in found}


def _given(options: dict[str, Any]) -> projects.Given:
    quota = {name: options.pop(f"quota_{name.replace('-', '_')}") for name in (*_QUOTA, "pods")}
    wire = {"ephemeral-storage": "ephemeralStorage"}
    rules = {name: options.pop(name) for name in _RULES}
    spelled = {"ignored_labels": "ignoredLabels", "ignored_paths": "ignoredPaths"}
    numbers = {"repositoryId": options.pop("repository_id"), "ownerId": options.pop("owner_id")}
    return projects.Given(
        pull_requests={spelled.get(name, name): value for name, value in rules.items() if value},
        **{**options, **{name: options[name] or "" for name in ("pod_profile", "pod_start")}},
        oidc=numbers if any(numbers.values()) else {},
        quota={wire.get(name, name): value for name, value in quota.items() if value},
    )


async def _create(
    caller: Caller, connection: Connection, given: projects.Given, *, replace: bool, dry_run: bool
) -> None:
    async with connect(connection, caller) as client:
        seen = await facts.look(caller, client)
        spec = projects.project_spec(given, seen)
        wanted = projects.objects(given, spec)
        if dry_run:
            caller.streams.data("\n---\n".join(as_yaml(obj) for obj in wanted))
            return
        await _refuse_others(client, given, spec, replace=replace)
        for obj in wanted:
            await client.apply(obj, manager=keys.CLI_MANAGER)
            caller.streams.talk(f"✓ {obj['kind']} {obj['metadata']['name']}")
    if seen.user_namespaces and not given.pod_profile:
        caller.streams.talk(f"podProfile is restricted: {seen.user_namespaces}")
    caller.streams.talk(f"Previews of {given.repository} will answer at {names.url(spec, 7)} and the like.")
    caller.streams.talk(f"Next: `kubepreview project ci-kubeconfig {given.name}`, into a secret of its CI.")


async def _refuse_others(client: Client, given: projects.Given, spec: ProjectSpec, *, replace: bool) -> None:
    """A namespace holds one project, and an existing project is changed only when that is asked for."""
    space = given.control_namespace
    there = {obj["metadata"]["name"]: obj for obj in await client.list(PREVIEW_PROJECTS, space)}
    mine = there.pop(given.name, None)
    if there:
        raise Refused(
            f"namespace {space} is the control namespace of project {', '.join(there)}",
            hint="a control namespace holds one project; choose another with --namespace",
        )
    changes = projects.changes(mine, spec) if mine else ()
    if changes and not replace:
        raise Refused(
            "\n  ".join((f"project {given.name} exists, and this would change it:", *changes)),
            hint="add --replace to change it, or edit it: "
            f"`kubectl edit previewproject {given.name} -n {space}`",
        )


async def _show(caller: Caller, connection: Connection, name: str, namespace: str, output: Format) -> None:
    async with connect(connection, caller) as client:
        found = await _get(client, name, namespace)
        previews = await client.list(PREVIEWS, namespace)
    if output != "text":
        found["metadata"].pop("managedFields", None)
        write_data(caller.streams, found, output)
        return
    caller.streams.data(f"{name} in {namespace}\n{as_yaml(found['spec'])}")
    states = [obj["spec"]["state"] for obj in previews]
    caller.streams.data(f"previews: {states.count('Open')} open, {states.count('Closed')} closed")


async def _get(client: Client, name: str, namespace: str) -> Object:
    try:
        return await client.get(PREVIEW_PROJECTS, name, namespace)
    except ObjectNotFound as error:
        raise NotFound(
            f"no PreviewProject {name} in namespace {namespace}",
            hint="`kubectl get previewprojects -A` lists them; --namespace names another control namespace",
        ) from error


async def _ci_kubeconfig(
    caller: Caller, connection: Connection, name: str, namespace: str, lifetime_s: int, server: str
) -> None:
    async with connect(connection, caller) as client:
        await _get(client, name, namespace)
        path = SERVICE_ACCOUNTS.path(namespace, keys.CI_ACCOUNT, "token")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": lifetime_s},
        }
        issued = (await client.raw("POST", path, body=body))["status"]
        cluster = {"server": server or client.credentials.server}
        if client.credentials.ca_data:
            cluster["certificate-authority-data"] = base64.b64encode(client.credentials.ca_data).decode()
    caller.streams.data(as_yaml(kubeconfig(name, namespace, cluster, issued["token"])))
    caller.streams.talk(f"Good until {issued['expirationTimestamp']}. Whoever has it may write the previews")
    caller.streams.talk(f"of {name}: keep it as a secret of the repository.")


def kubeconfig(name: str, namespace: str, cluster: Object, token: str) -> Object:
    """One cluster, one identity, and the control namespace as the default."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": keys.CI_ACCOUNT, "user": {"token": token}}],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": "cluster", "user": keys.CI_ACCOUNT, "namespace": namespace},
            }
        ],
        "current-context": name,
    }
