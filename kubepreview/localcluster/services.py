"""The recipe of a node: its programs, the steps between them, what each needs, and when each is ready."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubepreview.localcluster import addons, bootstrap, recipe
from kubepreview.localcluster.components import (
    apiserver,
    controllers,
    etcd,
    kube_proxy,
    kube_router,
    kubeconfig,
    kubelet,
)
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONTAINERD_SOCKET, PKI
from kubepreview.localcluster.process import Child

# The longest that anything of a start takes on a slow machine, times a few.
TIMEOUT_S = 90.0


# Says nothing when this run of the program is ready, and otherwise why it is not.
Ready = Callable[[Child], Awaitable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program that runs as long as the node does."""

    name: str
    argv: Sequence[str]
    ready: Ready
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A deed of the start, done once; or a command to run to its end."""

    name: str
    needs: tuple[str, ...]
    run: Callable[[], Awaitable[None]] | Sequence[str]


def services(config: NodeConfig) -> Iterator[Service]:
    """Every program of the node."""
    argv = recipe.arguments(config)
    authority = bootstrap.trusting(Path(PKI / "ca.crt"))
    for name, (ready, needs) in _wiring(config, authority).items():
        yield Service(name=name, argv=argv[name], ready=ready, needs=needs)


def _wiring(config: NodeConfig, authority: ssl.SSLContext) -> Mapping[str, tuple[Ready, tuple[str, ...]]]:
    """When each program is ready, and what it needs before it is begun."""

    def local(port: int, path: str = "/healthz") -> Ready:
        return _whoever(bootstrap.answers(f"http://127.0.0.1:{port}{path}"))

    def local_tls(port: int, path: str = "/healthz") -> Ready:
        return _whoever(bootstrap.answers(f"https://127.0.0.1:{port}{path}", authority))

    images = tuple(map(image_step, config.archives))
    return {
        "etcd": (local(etcd.HEALTH_PORT, "/readyz"), ()),
        "containerd": (_whoever(bootstrap.listens(Path(CONTAINERD_SOCKET))), ()),
        "registry": (local(config.ports.registry, "/v2/"), ()),
        "publish": (_says_ready, ()),
        "kube-apiserver": (local_tls(apiserver.PORT, "/readyz"), ("etcd",)),
        "kube-controller-manager": (local_tls(controllers.CONTROLLER_MANAGER_PORT), ("kube-apiserver",)),
        "kube-scheduler": (local_tls(controllers.SCHEDULER_PORT), ("kube-apiserver",)),
        # A pod whose image is not there yet would wait out the kubelet's back-off.
        "kubelet": (local(kubelet.HEALTH_PORT), ("kube-apiserver", "containerd", *images)),
        # It looks for its Node once a second, so that it is best not early.
        "kube-proxy": (local(kube_proxy.HEALTH_PORT), ("node registered",)),
        # It ends when it finds no Node of its name, and no right to look for one.
        "kube-router": (local(kube_router.HEALTH_PORT), ("node registered", "addons")),
    }


def steps(config: NodeConfig) -> Iterator[Step]:
    """Everything else that a start does or waits for."""
    server = kubeconfig.APISERVER
    admin = bootstrap.trusting(Path(PKI / "ca.crt"))
    admin.load_cert_chain(str(PKI / "admin.crt"), str(PKI / "admin.key"))

    def seen(name: str, needs: tuple[str, ...], look: bootstrap.Look) -> Step:
        return Step(
            name=name,
            needs=needs,
            run=lambda: bootstrap.wait_until(look, what=name, timeout_s=TIMEOUT_S),
        )

    for reference, archive in config.archives.items():
        yield Step(name=image_step(reference), needs=("containerd",), run=import_arguments(config, archive))
    yield Step(
        name="addons",
        needs=("kube-apiserver",),
        run=lambda: bootstrap.apply(server, admin, addons.objects(config), TIMEOUT_S),
    )
    registered = bootstrap.node_is_ready(server, admin, config.name, registered=True)
    yield seen("node registered", ("kubelet",), registered)
    yield seen("node ready", ("node registered",), bootstrap.node_is_ready(server, admin, config.name))
    yield seen("dns", ("addons",), bootstrap.resolves(config.ranges.dns))
    # An unknown host's 404 is the ingress at work.
    yield seen("ingress", ("addons",), bootstrap.serves(f"http://{config.ranges.ingress}/"))


def image_step(reference: str) -> str:
    """The name of the step that puts an image into the node."""
    return f"image {reference.rpartition('/')[2]}"


def import_arguments(config: NodeConfig, archive: str) -> list[str]:
    """The command that puts an archive of images into the node."""
    return [
        config.program("ctr"),
        f"--address={CONTAINERD_SOCKET}",
        "--namespace=k8s.io",
        "images",
        "import",
        "--local",
        archive,
    ]


def _whoever(look: bootstrap.Look) -> Ready:
    """A program that is known by the answers at its address."""
    return lambda _child: look()


async def _says_ready(child: Child) -> str:
    """A program that listens where the node cannot look, and tells when it does."""
    return "" if "ready" in child.last_lines() else f"{child.name} has not said that it is ready"
