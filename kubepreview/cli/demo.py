"""`demo`: the whole story on a cluster of its own, told by the very commands that a user would type."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import sys
import textwrap
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import click
from msgspec import Struct, field

from kubepreview.cli import demo_github, places
from kubepreview.cli.caller import Caller
from kubepreview.cli.demo_github import Author
from kubepreview.cli.demo_repository import EXAMPLE, Commit, Repository
from kubepreview.cli.demo_visitor import Door, Visits, visiting
from kubepreview.cli.image_build import Program, build_program, source_tree
from kubepreview.errors import Failed
from kubepreview.kube.wait import NotYet, wait_until
from kubepreview.localcluster import cluster as local
from kubepreview.localcluster import configure

# What the shown words run: the programs of this very environment, whatever PATH says.
_PROGRAMS = {
    "kubepreview": (sys.executable, "-m", "kubepreview"),
    "kubectl": (str(Path(sys.executable).with_name("kubectl")),),
}
_HOST = "rapidrar.localhost"
_STANDIN = Program(
    package="standin",
    requirements="requirements/standin.txt",
    tag="github-standin:demo",
)
_FOLLOWS_S = 10
_BRANCHES = {1: "faster", 2: "friendly"}
_ANSWERS = 20


@click.command()
@click.option("--name", default=configure.DEFAULT_NAME, show_default=True, help="Of the local cluster.")
@click.option(
    "--ingress-port", type=click.IntRange(0, 65535), default=configure.DEFAULT_INGRESS_PORT, show_default=True
)
@click.option(
    "--registry-port",
    type=click.IntRange(0, 65535),
    default=configure.DEFAULT_REGISTRY_PORT,
    show_default=True,
)
@click.pass_obj
def demo(caller: Caller, /, name: str, ingress_port: int, registry_port: int) -> None:
    """Show the whole story: a cluster, staging, two pull requests, a new commit, a crash, the end.

    Leaves the cluster running; `kubepreview cluster down` removes it.
    """
    asyncio.run(_tell(caller, name, ingress_port, registry_port))


class Story(Struct):
    """What the steps share: who speaks, the cluster, the repository, and the commits so far."""

    caller: Caller
    name: str
    repository: Repository
    environ: dict[str, str]
    commits: dict[str, Commit] = field(default_factory=dict)

    @property
    def cluster(self) -> local.RunningCluster:
        """The cluster, which the first step has brought up."""
        running = local.inspect(places.state(self.caller.environ), self.name).running
        if running is None:
            raise Failed(f"cluster {self.name} is gone", hint="run the demo again")
        return running

    def door(self, host: str = _HOST) -> Door:
        """The way to a site on the cluster."""
        address, port = self.cluster.ingress
        return Door(f"{address}:{port}", f"{host}:{port}")

    @property
    def author(self) -> Author:
        """Who opens the pull requests."""
        return Author(self.door(demo_github.HOST))

    def say(self, text: str = "") -> None:
        """A line of the story."""
        self.caller.streams.talk(text)

    async def run(self, *argv: str, expect: int = 0) -> str:
        """Type a command: show it, let it speak for itself, and return its data."""
        self.say(f"  $ {shlex.join(argv)}")
        command = (*_PROGRAMS[argv[0]], *argv[1:])
        child = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, cwd=self.repository.folder, env=self.environ
        )
        try:
            out, _ = await child.communicate()
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    child.kill()
        said = out.decode().strip()
        if child.returncode != expect:
            self.say(said)
            raise Failed(f"`{shlex.join(argv)}` ended with {child.returncode}, and {expect} was expected")
        if expect:
            self.say(f"   exit code {expect}, as it should be")
        return said


Step = tuple[str, Callable[[Story], Awaitable[None]]]


async def _tell(caller: Caller, name: str, ingress_port: int, registry_port: int) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    repository = Repository(places.cache(caller.environ) / "demo" / name / EXAMPLE)
    story = Story(caller, name, repository, dict(caller.environ))
    story.commits["main"] = repository.create()
    ports = (f"--ingress-port={ingress_port}", f"--registry-port={registry_port}")
    await _step(story, "A Kubernetes node on this machine", lambda it: _start(it, ports))
    await _step(story, "A GitHub that stands in, as github.com is not to be asked for a demo", _github)
    await _step(story, "kubepreview in the cluster, and a project", _install)
    await _step(story, "Staging", _staging)
    async with visiting(story.door()) as visits:
        for title, step in _STEPS:
            await _step(story, title, step)
    _conclude(story, visits, loop.time() - began)


async def _step(story: Story, title: str, step: Callable[[Story], Awaitable[None]]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    story.say()
    story.say(f"── {title}")
    await step(story)
    story.say(f"   {loop.time() - began:.1f} s")


async def _start(story: Story, ports: Sequence[str]) -> None:
    kubeconfig = await story.run("kubepreview", "cluster", "up", f"--name={story.name}", *ports)
    story.environ["KUBECONFIG"] = kubeconfig


async def _github(story: Story) -> None:
    folder = story.repository.folder.with_name("github")
    cache, registry = places.cache(story.caller.environ), story.cluster.registry
    story.say("building its image of this source …")
    image = await asyncio.to_thread(build_program, _STANDIN, registry, cache)
    main, port = story.commits["main"].sha, story.cluster.ingress[1]
    demo_github.lay_out(folder, source_tree(), image, main, port)
    story.say(await story.run("kubectl", "apply", f"--kustomize={folder}"))
    rollout = ("rollout", "status", "deployment/github", "--timeout=120s")
    story.say(await story.run("kubectl", "--namespace=github", *rollout))


async def _install(story: Story) -> None:
    await story.run("kubepreview", "install", f"--github-api={demo_github.API}", "--webhooks")
    port = story.cluster.ingress[1]
    await story.run(
        *("kubepreview", "project", "create", EXAMPLE, f"--repository={demo_github.REPOSITORY}"),
        *("--feedback=Comment", "--feedback=Deployment"),
        *(f"--baseline-host={_HOST}", f"--port={port}", "--revision-path=/version"),
        *(f"--image-prefix={story.cluster.registry}/", "--replace"),
    )


async def _staging(story: Story) -> None:
    image = await _build(story, "main")
    overlay = story.repository.folder / "deploy" / "overlays" / "demo"
    overlay.mkdir(exist_ok=True)
    name, _, digest = image.partition("@")
    (overlay / "kustomization.yaml").write_text(
        "resources: [../staging-local]\n"
        f"images: [{{name: {EXAMPLE}, newName: {name!r}, digest: {digest!r}}}]\n"
    )
    story.say(await story.run("kubectl", "apply", "--kustomize", "deploy/overlays/demo"))
    rollout = ("rollout", "status", "daemonset/rapidrar", "--timeout=120s")
    story.say(await story.run("kubectl", "--namespace=rapidrar-staging", *rollout))
    door = story.door()

    async def look() -> bool | None:
        answer = await door.get("/version")
        if not answer.is_success:
            raise NotYet(f"{answer.status_code} {answer.text!r}")
        return True

    # The ingress learns of the pod a moment after kubectl does.
    await wait_until(look, what=f"http://{door.host}/version answers", timeout_s=_FOLLOWS_S)
    await _seen(story, _HOST, story.commits["main"])


async def _first(story: Story) -> None:
    await _propose(story, 1, story.repository.change_heading(_BRANCHES[1], "RapidRAR, faster"))


async def _second(story: Story) -> None:
    await _propose(story, 2, story.repository.change_heading(_BRANCHES[2], "RapidRAR, friendly"))
    for number in (1, 2):
        await _seen(story, f"pr-{number}.{_HOST}", story.commits[str(number)])
    await _seen(story, _HOST, story.commits["main"])


async def _push(story: Story) -> None:
    commit = story.repository.change_heading(_BRANCHES[1], "RapidRAR, twice as fast")
    await story.author.push(_BRANCHES[1], commit.sha)
    await _deploy(story, 1, commit)


async def _crash(story: Story) -> None:
    before = story.commits["1"]
    commit = story.repository.break_start(_BRANCHES[1])
    await story.author.push(_BRANCHES[1], commit.sha)
    await _up(story, 1, commit, expect=1)
    await _seen(story, f"pr-1.{_HOST}", before)
    await _hears(story, 1, "failing", commit)


async def _close(story: Story) -> None:
    for number in (1, 2):
        await story.author.turn(number, "closed")
    story.say("   ada closes both. The job that would tell the cluster of 1 is lost; GitHub tells of it")
    story.say(await story.run("kubepreview", "down", "2"))
    comment = await story.author.hears(1, "closed", story.commits["pr-1"].sha)
    story.say(f"   the comment on {story.author.page(1)}:")
    story.say(textwrap.indent(comment.partition("\n")[2].strip(), "   | ", lambda _: True))


async def _again(story: Story) -> None:
    commit = story.repository.change_heading(_BRANCHES[2], "RapidRAR, friendly again")
    await story.author.push(_BRANCHES[2], commit.sha)
    await story.author.turn(2, "open")
    await _up(story, 2, commit)
    await _seen(story, f"pr-2.{_HOST}", commit)
    await _hears(story, 2, "ready", commit)


_STEPS: Sequence[Step] = (
    ("Pull request 1: built, pushed, up, tested", _first),
    ("Pull request 2, side by side with 1 and staging", _second),
    ("A new commit on 1: the old answer is never taken for the new one", _push),
    ("A commit that crashes: it fails, and the last good one is still served", _crash),
    ("Both closed: nothing is left but the receipts", _close),
    ("Pull request 2 is reopened, for you to look at", _again),
)


async def _propose(story: Story, number: int, commit: Commit) -> None:
    author = story.author
    await author.push(_BRANCHES[number], commit.sha)
    opened = await author.propose(_BRANCHES[number], commit.subject)
    if opened != number:
        raise Failed(f"the stand-in opened pull request {opened}, and {number} was expected")
    story.say(f"   ada opens {author.page(number)}")
    await _deploy(story, number, commit)


async def _deploy(story: Story, number: int, commit: Commit) -> None:
    await _up(story, number, commit)
    await _seen(story, f"pr-{number}.{_HOST}", commit)
    tested = await story.run("kubepreview", "test", str(number))
    story.say(f"   {tested.splitlines()[-1]}")
    await _hears(story, number, "ready", commit)


async def _hears(story: Story, number: int, state: str, commit: Commit) -> None:
    await story.author.hears(number, state, commit.sha)
    story.say(f"   the comment on {story.author.page(number)} says: {commit.sha[:7]} is {state}")


async def _up(story: Story, number: int, commit: Commit, *, expect: int = 0) -> None:
    story.commits[f"pr-{number}"] = commit
    image = await _build(story, f"pr-{number}")
    facts = (f"--title={commit.subject}", "--author=ada", f"--url={story.author.page(number)}")
    built = f"--image={EXAMPLE}={image}"
    await story.run("kubepreview", "up", str(number), built, *facts, expect=expect)
    if not expect:
        story.commits[str(number)] = commit


async def _build(story: Story, tag: str) -> str:
    commit = story.commits[tag]
    story.say(f"   {commit.sha[:7]} {commit.subject}")
    return await story.run(
        *("kubepreview", "cluster", "build", ".", f"--tag={EXAMPLE}:{tag}", f"--name={story.name}"),
        f"--build-arg=REVISION={commit.sha}",
    )


async def _seen(story: Story, host: str, commit: Commit) -> None:
    """Ask the site often enough that an answer of another commit would show."""
    door = story.door(host)
    for _ in range(_ANSWERS):
        said = (await door.get("/version")).text
        if commit.sha not in said:
            raise Failed(f"http://{door.host}/version answers {said!r}, and {commit.sha} was expected")
    heading = re.search(r"<h1>(.*?)</h1>", (await door.get("/")).text)
    story.say(
        f"   http://{door.host}/ answered {_ANSWERS} of {_ANSWERS} times as {commit.sha[:7]}: "
        f"{heading[1] if heading else 'no heading'}"
    )


def _conclude(story: Story, visits: Visits, took_s: float) -> None:
    asked = visits.answered + len(visits.failures)
    story.say()
    story.say(f"staging was asked {asked} times all the while, and answered {visits.answered} times")
    if visits.failures:
        raise Failed(
            f"staging did not answer {len(visits.failures)} of {asked} requests: {visits.failures[0]}",
            hint="previews must never disturb staging; please report this",
        )
    port = story.cluster.ingress[1]
    story.say(f"The demo took {took_s:.0f} s. The cluster is left running; look around:")
    story.say()
    story.say(f"  http://pr-2.{_HOST}:{port}/ in a browser, beside http://{_HOST}:{port}/")
    story.say(f"  {story.author.page(2)} is its pull request; comment `/preview sleep` there, or close it")
    programs = str(Path(sys.executable).parent)
    if programs not in story.environ.get("PATH", "").split(os.pathsep):
        story.say(f"  export PATH={shlex.quote(programs)}:$PATH")
    story.say(f"  export KUBECONFIG={shlex.quote(story.environ['KUBECONFIG'])}")
    for words in ("list", "status 2", "logs 2", "down 2"):
        story.say(f"  kubepreview {words} --project {EXAMPLE}")
    story.say()
    by_make = "`make demo-down`, or " if story.name == configure.DEFAULT_NAME else ""
    story.say(f"To remove it all: {by_make}`kubepreview cluster down --name {story.name}`.")
    story.caller.streams.data(f"http://pr-2.{_HOST}:{port}/")
