"""A team whose previews run in the cluster of the tests: it pushes commits, and types commands."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import yaml

from kubepreview.cli.image_build import Recipe, build_and_push
from kubepreview.core.keys import CONTROLLER, SYSTEM_NAMESPACE
from kubepreview.localcluster.cluster import RunningCluster
from tests.cluster.machine import kubectl
from tests.commands import Ended, environment, kubepreview

PROJECT = "rapidrar"
CONTROL_NAMESPACE = "rapidrar-previews"
EXAMPLE = Path(__file__).parents[2] / "examples" / "rapidrar"


def sha(digit: str) -> str:
    """The SHA of a commit, easy to tell from others."""
    return digit * 40


@dataclass(frozen=True)
class Team:
    """The cluster with kubepreview and the team's project in it, and a folder to write checkouts into."""

    cluster: RunningCluster
    folder: Path
    cache: Path
    images: dict[str, str] = field(default_factory=dict)
    project: str = PROJECT

    @classmethod
    def settled(cls, running: RunningCluster, folder: Path, cache: Path) -> Self:
        """Install the controller of this source, and create the example's project."""
        team = cls(running, folder, cache)
        team.type("install").done()
        return team.with_project(PROJECT)

    def with_project(self, name: str, *flags: str) -> Self:
        """Create a project; the team whose project it is, on the same cluster."""
        facts = (f"--repository=acme/{name}", f"--baseline-host={name}.localhost", "--revision-path=/version")
        where = (f"--port={self.cluster.ingress[1]}", f"--image-prefix={self.cluster.registry}/")
        self.type("project", "create", name, "--replace", *facts, *where, *flags).done()
        return replace(self, project=name)

    def leave_project(self) -> None:
        """Remove the project with all that its namespace holds; its previews are closed before."""
        kubectl(self.cluster, "delete", "namespace", self.control_namespace)

    @property
    def control_namespace(self) -> str:
        """Where the project and its Previews are."""
        return f"{self.project}-previews"

    def image(self, commit: str) -> str:
        """The service of the example at `commit`, built from its Dockerfile, by digest."""
        if commit not in self.images:
            recipe = Recipe(
                folder=EXAMPLE,
                dockerfile=EXAMPLE / "Dockerfile",
                tag=f"{PROJECT}:{commit[:7]}",
                arguments={"REVISION": commit},
            )
            self.images[commit] = build_and_push(recipe, self.cluster.registry, self.cache)
        return self.images[commit]

    def cluster_has(self, image: str) -> None:
        """Have the node pull an image, so that no start waits for it."""
        name = f"pull-{image.rpartition(':')[2][:12]}"
        kubectl(
            self.cluster,
            *("run", name, f"--image={image}", "--restart=Never", "--command", "--", "python3", "-c", "pass"),
        )
        kubectl(
            self.cluster, "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"
        )
        kubectl(self.cluster, "delete", "pod", name)

    def checkout(self, name: str, *objects: dict[str, Any] | str, **preview_yml: Any) -> Path:
        """A checkout with these manifests (text is written as it is) and a preview.yml."""
        root = self.folder / name
        (root / ".github").mkdir(parents=True, exist_ok=True)
        (root / "k8s").mkdir(exist_ok=True)
        config = {"project": self.project, "manifests": {"files": ["k8s"]}, **preview_yml}
        (root / ".github" / "preview.yml").write_text(yaml.safe_dump(config))
        for old in (root / "k8s").iterdir():
            old.unlink()
        for index, obj in enumerate(objects):
            text = obj if isinstance(obj, str) else yaml.safe_dump(obj)
            (root / "k8s" / f"{index:02}.yaml").write_text(text)
        return root

    def service(self, commit: str, number: int, **container: Any) -> Path:
        """A checkout with the example's service at `commit`; `container` replaces fields of its container."""
        return self.checkout(f"pr-{number}", *application(self.image(commit), **container))

    def type(self, *argv: str, directory: Path | None = None) -> Ended:
        """Type a command in a checkout."""
        return kubepreview(
            *argv, environ=environment(self.cluster.kubeconfig), directory=directory or self.folder
        )

    def up(self, number: int, root: Path, commit: str, *flags: str) -> Ended:
        """`kubepreview up` of a checkout."""
        return self.type("up", str(number), f"--root={root}", f"--sha={commit}", *flags, directory=root)

    def down(self, number: int, *flags: str) -> Ended:
        """`kubepreview down`."""
        return self.type("down", str(number), f"--project={self.project}", *flags)

    def preview(self, number: int) -> dict[str, Any]:
        """The Preview as the apiserver has it."""
        said = kubectl(
            self.cluster,
            f"--namespace={self.control_namespace}",
            "get",
            "preview",
            f"pr-{number}",
            "--output=json",
        )
        found: dict[str, Any] = json.loads(said)
        return found

    def condition(self, number: int, kind: str) -> tuple[str, str]:
        """One condition's status and reason; what no controller has said yet is unknown, as in Kubernetes."""
        for each in self.preview(number).get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "Unknown", ""

    def names(self, kind: str, namespace: str = "") -> list[str]:
        """The names of all objects of a kind."""
        where = (f"--namespace={namespace}",) if namespace else ("--all-namespaces",)
        said = kubectl(self.cluster, "get", kind, *where, "--output=jsonpath={.items[*].metadata.name}")
        return said.split()

    def ask(self, number: int, path: str) -> tuple[int, str]:
        """What a visitor of the preview gets: code and text."""
        return self.visit(f"pr-{number}.{self.project}.localhost", path)

    def served(self, number: int) -> str:
        """The commit that a visitor sees, or the code of the answer that is none."""
        code, text = self.ask(number, "/version")
        return str(json.loads(text)["sha"]) if code == 200 else str(code)

    def decide(self, **spec: Any) -> None:
        """Change the project, as the platform team does."""
        patch = json.dumps({"spec": spec})
        where = (f"--namespace={self.control_namespace}", "previewproject", self.project)
        kubectl(self.cluster, "patch", *where, "--type=merge", f"--patch={patch}")

    def visit(self, name: str, path: str) -> tuple[int, str]:
        """What the ingress answers to whoever asks for this host."""
        host, port = self.cluster.ingress
        request = urllib.request.Request(f"http://{host}:{port}{path}", headers={"Host": f"{name}:{port}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def kill_controller(self) -> None:
        """End the controller's container as a crash would: no warning, no last words."""
        kubectl(
            self.cluster,
            f"--namespace={SYSTEM_NAMESPACE}",
            *(
                "delete",
                "pod",
                f"--selector=app.kubernetes.io/name={CONTROLLER}",
                "--grace-period=0",
                "--force",
            ),
            *("--wait=false", "--ignore-not-found"),
        )


def application(image: str, *, replicas: int = 1, **container: Any) -> list[dict[str, Any]]:
    """A Deployment and its Service, with the example's container."""
    labels = {"app": "web"}
    main: dict[str, Any] = {
        "name": "web",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
        **container,
    }
    spec = {"containers": [main], "terminationGracePeriodSeconds": 1, "enableServiceLinks": False}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        },
    ]
