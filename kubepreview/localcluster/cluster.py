"""The door: bring a cluster up, look at it, give it images, take it down.

::

    running = await up(ClusterOptions(state_root=…, cache=…), report)
    running.kubeconfig, running.ingress, running.registry
    await down(state_root, "kubepreview")

`up` asks for a state, not for a deed: what runs already is left alone, what is broken is mended, and what
an earlier run left behind is cleared.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubepreview.errors import Failed, NotFound, NotReady
from kubepreview.localcluster import (
    addons,
    bootstrap,
    command,
    configure,
    host,
    images,
    preflight,
    programs,
    status,
)
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.configure import DEFAULT_NAME, ClusterOptions
from kubepreview.localcluster.layout import StateDirectory
from kubepreview.localcluster.programs import Programs
from kubepreview.localcluster.progress import Progress
from kubepreview.localcluster.services import import_arguments
from kubepreview.localcluster.status import NodeStatus

__all__ = [
    "DEFAULT_NAME",
    "ClusterOptions",
    "ClusterStatus",
    "RunningCluster",
    "down",
    "inspect",
    "kubeconfig",
    "load",
    "logs",
    "up",
]

Report = Callable[[Progress], None]

_LOCK_TIMEOUT_S = 300.0
_START_TIMEOUT_S = 180.0
# A node that runs mends a killed program within seconds; one that does not is started anew.
_MEND_TIMEOUT_S = 60.0
_ANSWER_TIMEOUT_S = 30.0
_POLL_S = 0.03
_IMPORT_TIMEOUT_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCluster:
    """How to reach a cluster."""

    name: str
    kubeconfig: Path
    api: str
    ingress: tuple[str, int]
    registry: str
    ingress_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStatus:
    """What is known of a cluster. `state` is absent, stopped, starting, ready, mending or failed."""

    name: str
    state: str
    node: NodeStatus | None
    running: RunningCluster | None
    processes: frozenset[int] = frozenset()


async def up(options: ClusterOptions, report: Report) -> RunningCluster:
    """Bring the cluster up, from whatever state it is in; return when all of it serves."""
    state = StateDirectory.of(options.state_root, options.name)
    if not host.is_alive(state):
        preflight.require(preflight.look())
    built = await programs.ensure(options.cache, report)
    archives = images.system_images(built, options.cache)
    async with host.exclusive(state, _LOCK_TIMEOUT_S):
        before = configure.read(state)
        with configure.claimed_ranges(state, before) as own:
            config = configure.configure(state, options, built, archives, own, before)
            if before != config or not host.is_alive(state) or not await _mended(state, config, report):
                await _start(state, config, report)
        return _running(state, config)


async def _start(state: StateDirectory, config: NodeConfig, report: Report) -> None:
    await host.clear(state)
    configure.check(config)
    configure.write(state, config)
    host.start(state)
    await _follow(state, report, _START_TIMEOUT_S)
    await _serves(state, config)


async def down(state_root: Path, name: str = DEFAULT_NAME) -> bool:
    """Remove the cluster: processes, network, cgroups, data. Whether there was one; twice is free."""
    state = StateDirectory.of(state_root, name)
    if not state.path.exists():
        return False
    async with host.exclusive(state, _LOCK_TIMEOUT_S):
        await host.clear(state)
        try:
            shutil.rmtree(state.path)
        except OSError as error:
            raise Failed(f"cannot remove {state.path}: {error}") from error
    return True


def inspect(state_root: Path, name: str = DEFAULT_NAME) -> ClusterStatus:
    """What is known of the cluster, without touching it."""
    state = StateDirectory.of(state_root, name)
    config, node = configure.read(state), status.read(state.status)
    if config is None:
        return ClusterStatus(name=name, state="absent", node=None, running=None)
    running = _running(state, config)
    alive = host.is_alive(state)
    settled = node is not None and _is_settled(state, node)
    word = _state_word(node, alive=alive, settled=settled)
    processes = host.processes(state) if alive else frozenset()
    return ClusterStatus(name=name, state=word, node=node, running=running, processes=processes)


def _state_word(node: NodeStatus | None, *, alive: bool, settled: bool) -> str:
    if node is not None and node.state == "failed":
        return "failed"
    if not alive:
        return "stopped"
    if node is None or node.state != "ready":
        return "starting"
    return "ready" if settled else "mending"


def kubeconfig(state_root: Path, name: str = DEFAULT_NAME) -> Path:
    """The administrator's kubeconfig."""
    state = StateDirectory.of(state_root, name)
    if not state.kubeconfig.exists():
        raise _absent(name)
    return state.kubeconfig


def logs(state_root: Path, name: str, component: str) -> Path:
    """The file that holds the log of a program of the node, or of the pods traefik and coredns."""
    state = StateDirectory.of(state_root, name)
    if not state.logs.exists():
        raise _absent(name)
    found = {path.stem: path for path in sorted(state.logs.glob("*.log"))}
    # Within a pod's directory the newest run has the highest number; of two pods, the newer file counts.
    for path in sorted(state.logs.glob("pods/*/*/*.log"), key=lambda path: path.stat().st_mtime):
        found[path.parent.name] = path
    if component not in found:
        raise NotFound(
            f"cluster {name} has no log of {component!r}", hint=f"there are: {', '.join(sorted(found))}"
        )
    return found[component]


async def load(state_root: Path, name: str, image: str, built: Programs) -> str:
    """Put an image into the node: an archive (docker save, OCI), or a reference this machine can pull."""
    state = StateDirectory.of(state_root, name)
    config = configure.read(state)
    first = host.first_process(state)
    if config is None or not first:
        raise _absent(name)
    file = _file(image)
    if file:
        return await _import(config, first, file)
    archive = state.path / "load.tar"
    pulled = await command.run([built.path("crane"), "pull", image, archive], timeout_s=_IMPORT_TIMEOUT_S)
    pulled.or_fail(f"pulling {image} (there is no file of that name)")
    try:
        return await _import(config, first, archive)
    finally:
        archive.unlink()


def _file(name: str) -> Path | None:
    path = Path(name).resolve()
    return path if path.is_file() else None


async def _import(config: NodeConfig, first: int, archive: Path) -> str:
    arguments = [*host.entering(first), *import_arguments(config, str(archive))]
    ended = await command.run(arguments, timeout_s=_IMPORT_TIMEOUT_S)
    return ended.or_fail(f"loading {archive} into cluster {config.name}")


async def _mended(state: StateDirectory, config: NodeConfig, report: Report) -> bool:
    """Whether a node that runs is well, or becomes so by itself."""
    try:
        await _follow(state, report, _MEND_TIMEOUT_S)
        await _serves(state, config)
    except (NotReady, Failed):
        # It is about to be started anew, which tells the reason if it lasts.
        return False
    return True


async def _follow(state: StateDirectory, report: Report, timeout_s: float) -> None:
    """Wait until the node says that all runs, and pass on what it says meanwhile."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    told: set[str] = set()
    waited = False
    while True:
        alive = host.is_alive(state)  # asked first: what a dead node wrote is then complete
        node = status.read(state.status)
        settled = node is not None and _is_settled(state, node)
        if settled and not waited:
            return
        waited = True
        for step, ready_after_s in _news(node, told):
            report(Progress(step=step, elapsed_s=ready_after_s))
        if node is not None and node.state == "failed":
            raise Failed(f"cluster {state.name}: {node.failure}", hint=node.hint or _log_hint(state))
        if not alive:
            raise Failed(f"cluster {state.name}: the node's first process ended", hint=_log_hint(state))
        if settled:
            return
        if loop.time() - started > timeout_s:
            raise NotReady(f"cluster {state.name} is not ready after {timeout_s:g} s: {_unready(node)}")
        await asyncio.sleep(_POLL_S)


def _is_settled(state: StateDirectory, node: NodeStatus) -> bool:
    """Whether all is ready, and still there: the kernel knows of a killed program a moment earlier."""
    return node.settled() and node.programs() <= host.numbers(state).keys()


def _news(node: NodeStatus | None, told: set[str]) -> list[tuple[str, float]]:
    if node is None:
        return []
    done = [
        (name, part.ready_after_s)
        for name, part in node.components.items()
        if part.state in ("ready", "done")
    ]
    news = sorted((item for item in done if item[0] not in told), key=lambda item: item[1])
    told.update(name for name, _ in news)
    return news


def _unready(node: NodeStatus | None) -> str:
    if node is None:
        return "it has not said a word"
    parts = {name: part for name, part in node.components.items() if part.state not in ("ready", "done")}
    return "; ".join(f"{name} is {part.state}. {part.last_exit}".strip() for name, part in parts.items())


async def _serves(state: StateDirectory, config: NodeConfig) -> None:
    """Every published port answers, seen from this machine."""
    tls = bootstrap.trusting(state.path / "pki" / "ca.crt")
    looks = {
        "apiserver": bootstrap.answers(f"https://127.0.0.1:{config.ports.api}/readyz", tls),
        "registry": bootstrap.answers(f"http://127.0.0.1:{config.ports.registry}/v2/"),
        "ingress": bootstrap.serves(f"http://127.0.0.1:{config.ports.ingress}/"),
    }
    for name, look in looks.items():
        what = f"cluster {state.name}: {name} answers on this machine"
        await bootstrap.wait_until(look, what=what, timeout_s=_ANSWER_TIMEOUT_S)


def _running(state: StateDirectory, config: NodeConfig) -> RunningCluster:
    return RunningCluster(
        name=state.name,
        kubeconfig=state.kubeconfig,
        api=f"https://127.0.0.1:{config.ports.api}",
        ingress=("127.0.0.1", config.ports.ingress),
        registry=f"localhost:{config.ports.registry}",
        ingress_class=addons.INGRESS_CLASS,
    )


def _absent(name: str) -> NotFound:
    return NotFound(
        f"no cluster {name} is running here", hint=f"`kubepreview cluster up --name {name}` starts one"
    )


def _log_hint(state: StateDirectory) -> str:
    return f"the logs are in {state.logs}"
