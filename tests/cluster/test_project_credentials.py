"""What the kubeconfig of a project's CI may do on a real apiserver: its own previews, and nothing else.

- the whole of it against every verb and resource that the server knows
- the attempts that matter, one by one, really made
- how long it is good for, and what it says of itself
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubepreview.cli import installing
from kubepreview.core import crd, keys
from kubepreview.kube import credentials
from kubepreview.kube.client import Client
from kubepreview.kube.errors import Forbidden
from kubepreview.localcluster.cluster import RunningCluster
from tests.commands import Ended, environment, kubepreview

PROJECT, OTHER = "ci-rights", "ci-others"
HOME, ABROAD = f"{PROJECT}-previews", f"{OTHER}-previews"
SHA = "4f" * 20
_Asked = tuple[tuple[str, str], str]
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def preview(namespace: str, project: str, number: int) -> dict[str, Any]:
    """An open preview, as `up` writes it."""
    return {
        "apiVersion": keys.API_VERSION,
        "kind": "Preview",
        "metadata": {"name": f"pr-{number}", "namespace": namespace},
        "spec": {
            "project": project,
            "pullRequest": {"number": number},
            "revision": {"sha": SHA, "observedAt": "2026-11-01T10:00:00Z"},
            "state": "Open",
            "entry": {"service": "web", "port": 80},
            "manifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}],
        },
    }


def _command(running: RunningCluster, *argv: str) -> Ended:
    ended = kubepreview(*argv, environ=environment(running.kubeconfig))
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def ci_kubeconfig(local_cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two projects, and the kubeconfig that the first one's CI is given."""

    async def install_kinds() -> None:
        async with Client(credentials.load(local_cluster.kubeconfig, None, {})) as admin:
            kinds = crd.custom_resource_definitions()
            await installing.apply_all(admin, kinds)
            await installing.wait_until_established(admin, kinds)

    asyncio.run(install_kinds())
    for name in (PROJECT, OTHER):
        _command(local_cluster, "project", "create", name, "--repository", f"acme/{name}")
    path = tmp_path_factory.mktemp("ci") / "kubeconfig"
    path.write_text(_command(local_cluster, "project", "ci-kubeconfig", PROJECT).out)
    return path


@pytest.fixture
async def ci(ci_kubeconfig: Path) -> AsyncIterator[Client]:
    """The cluster, as CI sees it."""
    async with Client(credentials.load(ci_kubeconfig, None, {})) as client:
        yield client


@pytest.fixture
async def admin(local_cluster: RunningCluster) -> AsyncIterator[Client]:
    """The cluster, as its administrator sees it."""
    async with Client(credentials.load(local_cluster.kubeconfig, None, {})) as client:
        yield client


PREVIEWS = f"/apis/{keys.API_VERSION}/namespaces/{{}}/previews"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
TOKEN_REQUEST = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}

FORBIDDEN: tuple[tuple[str, str, str, Any], ...] = (
    ("read the secrets of its namespace", "GET", f"/api/v1/namespaces/{HOME}/secrets", None),
    ("read every secret", "GET", "/api/v1/secrets", None),
    ("read pods", "GET", "/api/v1/pods", None),
    ("read the pods of the system", "GET", "/api/v1/namespaces/kube-system/pods", None),
    (
        "start a pod in its control namespace",
        "POST",
        f"/api/v1/namespaces/{HOME}/pods",
        {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "image": "x"}]}},
    ),
    ("read another project's previews", "GET", PREVIEWS.format(ABROAD), None),
    ("write another project's preview", "POST", PREVIEWS.format(ABROAD), preview(ABROAD, OTHER, 7)),
    ("list previews of all projects", "GET", f"/apis/{keys.API_VERSION}/previews", None),
    (
        "change its project",
        "PATCH",
        f"/apis/{keys.API_VERSION}/namespaces/{HOME}/previewprojects/{PROJECT}",
        {"spec": {"podProfile": "restricted"}},
    ),
    (
        "make a project",
        "POST",
        f"/apis/{keys.API_VERSION}/namespaces/{HOME}/previewprojects",
        {"metadata": {"name": "mine"}},
    ),
    (
        "say that a preview is ready",
        "PATCH",
        PREVIEWS.format(HOME) + "/pr-7/status",
        {"status": {"url": "x"}},
    ),
    ("replace a preview", "PUT", PREVIEWS.format(HOME) + "/pr-7", preview(HOME, PROJECT, 7)),
    ("delete a preview", "DELETE", PREVIEWS.format(HOME) + "/pr-7", None),
    ("delete all previews", "DELETE", PREVIEWS.format(HOME), None),
    ("read namespaces", "GET", "/api/v1/namespaces", None),
    ("make a namespace", "POST", "/api/v1/namespaces", {"metadata": {"name": "mine"}}),
    ("delete its namespace", "DELETE", f"/api/v1/namespaces/{HOME}", None),
    (
        "issue itself a token",
        "POST",
        f"/api/v1/namespaces/{HOME}/serviceaccounts/{keys.CI_ACCOUNT}/token",
        TOKEN_REQUEST,
    ),
    (
        "issue a token of the controller",
        "POST",
        f"/api/v1/namespaces/{keys.SYSTEM_NAMESPACE}/serviceaccounts/{keys.CONTROLLER}/token",
        TOKEN_REQUEST,
    ),
    (
        "widen its Role",
        "PATCH",
        f"{RBAC}/namespaces/{HOME}/roles/{keys.CI_ROLE}",
        {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]},
    ),
    (
        "bind itself to cluster-admin",
        "POST",
        f"{RBAC}/clusterrolebindings",
        {
            "metadata": {"name": "mine"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": keys.CI_ACCOUNT, "namespace": HOME}],
        },
    ),
    ("read nodes", "GET", "/api/v1/nodes", None),
    ("reach through a node", "GET", "/api/v1/nodes/x/proxy/pods", None),
    (
        "read the CustomResourceDefinitions",
        "GET",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        None,
    ),
    (
        "read the admission policies",
        "GET",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        None,
    ),
    ("read the metrics of the apiserver", "GET", "/metrics", None),
)


@pytest.mark.parametrize(
    ("method", "path", "body"), [row[1:] for row in FORBIDDEN], ids=[row[0] for row in FORBIDDEN]
)
async def test_ci_is_refused(ci: Client, method: str, path: str, body: Any) -> None:
    """What CI has no need of, the apiserver refuses: 403, and nothing else."""
    with pytest.raises(Forbidden):
        await ci.raw(method, path, body=body)


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("system:admin", ("system:masters",)),
        (keys.deployer_user("rapidrar-pr-1"), ()),
        (f"system:serviceaccount:{keys.SYSTEM_NAMESPACE}:{keys.CONTROLLER}", ()),
    ],
)
async def test_ci_may_be_nobody_else(ci: Client, user: str, groups: tuple[str, ...]) -> None:
    """CI cannot act as an administrator, as a deployer, or as the controller."""
    with pytest.raises(Forbidden):
        await ci.impersonating(user, groups).raw("GET", PREVIEWS.format(HOME))


async def test_ci_writes_the_previews_of_its_project(ci: Client, admin: Client) -> None:
    """It declares a preview, reads it, lists them, closes it, and reads the project; that is its work."""
    wanted = preview(HOME, PROJECT, 31)

    created = await ci.apply(wanted, manager=keys.CLI_MANAGER)
    assert created["spec"]["revision"]["sha"] == SHA

    listed = await ci.raw("GET", PREVIEWS.format(HOME))
    assert "pr-31" in [item["metadata"]["name"] for item in listed["items"]]

    project = await ci.raw("GET", f"/apis/{keys.API_VERSION}/namespaces/{HOME}/previewprojects/{PROJECT}")
    assert project["spec"]["repository"] == f"acme/{PROJECT}"

    wanted["spec"] |= {"state": "Closed"}
    await ci.apply(wanted, manager=keys.CLI_MANAGER)
    seen = await admin.raw("GET", PREVIEWS.format(HOME) + "/pr-31")
    assert seen["spec"]["state"] == "Closed"


async def test_a_write_of_a_preview_cannot_smuggle_in_a_status(ci: Client, admin: Client) -> None:
    """A status that is sent along with a preview is dropped: only the controller says what is served."""
    wanted = {**preview(HOME, PROJECT, 32), "status": {"url": "http://evil.example.com"}}

    await ci.apply(wanted, manager=keys.CLI_MANAGER)

    seen = await admin.raw("GET", PREVIEWS.format(HOME) + "/pr-32")
    assert "status" not in seen or not seen["status"].get("url")


async def test_the_whole_of_its_rights_is_six_words(ci: Client, admin: Client) -> None:
    """Of all verbs on all resources the server knows, in its own namespace and outside, six are allowed."""
    allowed: set[tuple[str, str, str]] = set()
    resources = await _all_resources(admin)
    assert len(resources) > 60

    async def ask(namespace: str, group: str, resource: str, verb: str) -> None:
        name, _, subresource = resource.partition("/")
        attributes = {
            "namespace": namespace,
            "group": group,
            "resource": name,
            "subresource": subresource,
            "verb": verb,
        }
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = await ci.raw("POST", path, body=body, repeatable=True)
        if answer["status"]["allowed"]:
            allowed.add((namespace, f"{resource}.{group}", verb))

    verbs = (*_VERBS, "impersonate", "escalate", "bind", "approve", "sign", "use")
    for namespace in (HOME, ABROAD):
        for batch in _batches(list(itertools.product(resources, verbs))):
            await asyncio.gather(*(ask(namespace, *resource, verb) for resource, verb in batch))

    previews, projects = f"previews.{keys.GROUP}", f"previewprojects.{keys.GROUP}"
    assert {right for right in allowed if right[1] not in _OF_EVERYBODY} == {
        (HOME, previews, "get"),
        (HOME, previews, "list"),
        (HOME, previews, "watch"),
        (HOME, previews, "create"),
        (HOME, previews, "patch"),
        (HOME, projects, "get"),
    }


# What system:basic-user and its like give to whoever is authenticated: asking who and what one may be.
_OF_EVERYBODY = {
    "selfsubjectaccessreviews.authorization.k8s.io",
    "selfsubjectrulesreviews.authorization.k8s.io",
    "selfsubjectreviews.authentication.k8s.io",
    "clustertrustbundles.certificates.k8s.io",
}


def _batches(asked: list[_Asked], size: int = 40) -> Iterator[list[_Asked]]:
    for start in range(0, len(asked), size):
        yield asked[start : start + size]


async def _all_resources(admin: Client) -> list[tuple[str, str]]:
    """Every resource and subresource of every group, as the server lists them."""
    groups = (await admin.raw("GET", "/apis"))["groups"]
    paths = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
    found: list[tuple[str, str]] = []
    for path in paths:
        listed = await admin.raw("GET", path)
        group = listed["groupVersion"].rpartition("/")[0]
        found += [(group, resource["name"]) for resource in listed["resources"]]
    return found


def test_the_kubeconfig_names_the_server_its_authority_and_the_namespace(
    ci_kubeconfig: Path, local_cluster: RunningCluster
) -> None:
    """It stands alone: server, embedded CA, a token, and the control namespace as the default."""
    config = yaml.safe_load(ci_kubeconfig.read_text())

    (cluster,) = config["clusters"]
    assert cluster["cluster"]["server"] == local_cluster.api
    assert cluster["cluster"]["certificate-authority-data"]
    (context,) = config["contexts"]
    assert context["context"]["namespace"] == HOME
    (user,) = config["users"]
    assert set(user["user"]) == {"token"}


def test_the_server_and_the_lifetime_are_the_askers_choice(local_cluster: RunningCluster) -> None:
    """--server is what CI reaches, and a lifetime below ten minutes is told as a mistake."""
    argv = (
        "project",
        "ci-kubeconfig",
        PROJECT,
        "--server",
        "https://k8s.example.com:6443",
        "--duration",
        "1h",
    )
    ended = kubepreview(*argv, environ=environment(local_cluster.kubeconfig))
    assert yaml.safe_load(ended.out)["clusters"][0]["cluster"]["server"] == "https://k8s.example.com:6443"

    short = kubepreview(
        "project", "ci-kubeconfig", PROJECT, "--duration", "5m", environ=environment(local_cluster.kubeconfig)
    )
    assert short.code == 2
    assert "at least 10m" in short.err
