"""Twenty secrets are planted where each belongs, everything goes wrong, and none of them is seen elsewhere.

Elsewhere is: the logs of controller and webhook, the comment, Deployment and check on GitHub, Events, the
status of Previews, the evidence, and whatever the command line and a job's step print.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from kubepreview.core.conditions import READY
from kubepreview.kube.resources import CONFIGMAPS, EVENTS, PREVIEWS
from kubepreview.kube.wait import NotYet, wait_until
from standin.faults import FAULTS
from standin.world import App
from tests.cluster.github_scene import OPENED, Scene, staged
from tests.cluster.hearing import hearing, may_hear
from tests.cluster.team import Team, application, sha
from tests.commands import environment, kubepreview
from tests.figures import Figures
from tests.github.conftest import PEM, PUBLIC

_PROJECT: Final = "guarded"
_REPOSITORY: Final = f"acme/{_PROJECT}"
_NUMBER: Final = 421
_GOOD, _BAD = sha("d"), sha("e")

# Of the preview's own: a Secret's values, variables, and what has the shape of a secret in its log.
_IN_A_SECRET: Final = {"cookie": "secret-cookie-Q8pZ", "signing": "secret-signing-W3kV"}
_ENCODED: Final = {"webhook": "secret-encoded-R7tN"}
_VARIABLES: Final = {
    "DB_PASSWORD": "secret-variable-L2mD",
    "STRIPE_API_KEY": "secret-variable-Y6hC",
    "DATABASE_URL": "postgres://app:secret-url-B9xF@db/app",
}
_PRINTED: Final = (
    "ghp_" + "printedByTheApplication0" * 2,
    "AKIA" + "PRINTED0BYTHEAPP",
    "eyJhbGciOiJIUzI1NiJ9.eyJwcmludGVkIjp0cnVlfQ.c2lnbmF0dXJl",
    "Bearer printed-by-the-application-0",
    "https://robot:secret-url-M4sG@registry.example.com/v2/",
)
_REGISTRY_LOGIN: Final = "secret-registry-T5jH"
_SIGNED_WITH: Final = "secret-webhook-K1wP"
_ASKED_WITH: Final = "secret-request-token-V0bX"


@pytest.fixture(scope="module")
def guarded(team: Team) -> Iterator[Team]:
    """A project that says all that it can on GitHub, in a cluster that hears webhooks."""
    told = [f"--feedback={each}" for each in ("Comment", "Deployment", "Check")]
    with may_hear(team):
        there = team.with_project(_PROJECT, *told)
        yield there
        there.leave_project()


@pytest.mark.timeout(400)
async def test_no_secret_is_seen_where_it_does_not_belong(
    guarded: Team, tmp_path: Path, figures: Figures
) -> None:
    """A life with every kind of failure, and then a look everywhere."""
    ci = (await asyncio.to_thread(guarded.type, "project", "ci-kubeconfig", _PROJECT)).done()
    async with (
        staged(guarded, tmp_path) as scene,
        hearing(guarded, tmp_path, _SIGNED_WITH.encode()) as address,
    ):
        await _deliveries_that_are_refused(address)
        _become_an_app(scene, tmp_path / "github")
        said = [await _a_life(scene), await _a_job_that_fails(scene, ci, tmp_path)]
        places = await _everywhere(scene, "of the failing one")
        planted = _planted(scene, ci, tmp_path)
        scene.github.close(_REPOSITORY, _NUMBER, OPENED + dt.timedelta(hours=3))
        await scene.until(_NUMBER, "False", "Closed", READY)
        places |= await _everywhere(scene, "of the closed one") | _logs(tmp_path)
        places["commands"] = "\n".join(said)

    assert len(planted) == 20
    assert all(places.values()), [name for name, text in places.items() if not text]
    seen = [
        f"{name} in {place}"
        for name, secret in planted.items()
        for place, text in places.items()
        if secret in text or base64.b64encode(secret.encode()).decode() in text
    ]
    figures.count("secrets seen", len({each.partition(" in ")[0] for each in seen}), len(planted))
    assert seen == []
    assert "cannot start" in places["comments of the failing one"], "the log's other lines are there"


def _become_an_app(scene: Scene, folder: Path) -> None:
    """As which it has a key, and gets tokens of its own."""
    scene.github.app = App(37, "Iv23abc", "kubepreview", PUBLIC, {_REPOSITORY: 5})
    (folder / "app-id").write_text("37")
    (folder / "private-key").write_text(PEM)
    (folder / "token").unlink()


def _planted(scene: Scene, ci: str, folder: Path) -> Mapping[str, str]:
    """Each by what it is."""
    token = json.loads(json.dumps(ci)).partition("token: ")[2].split()[0]
    controller = next(folder.glob("outside-*.kubeconfig")).read_text().partition("token: ")[2].split()[0]
    granted = next(bearer for bearer, who in scene.github.accounts.items() if who.app)
    return {
        "the App's key": PEM.splitlines()[5],
        "the App's token": granted,
        "the controller's token": controller,
        "the token of CI": token,
        "the registry's password": _REGISTRY_LOGIN,
        "the webhook's secret": _SIGNED_WITH,
        "what a job asks for tokens with": _ASKED_WITH,
        **{f"{name} in a Secret": value for name, value in (_IN_A_SECRET | _ENCODED).items()},
        **{f"variable {name}": value for name, value in _VARIABLES.items()},
        "a password in a variable's URL": "secret-url-B9xF",
        **{f"printed: {value[:6]}": value for value in _PRINTED[:4]},
        "printed: a password in a URL": "secret-url-M4sG",
        "printed: a key's line": PEM.splitlines()[-3],
    }


def _crash() -> list[str]:
    """It prints all that it knows, and ends."""
    words = [*_IN_A_SECRET.values(), *_ENCODED.values(), *_VARIABLES.values(), *_PRINTED]
    text = "\n".join(["cannot start", *words, *PEM.splitlines()[-6:]])
    # Not as they are: what a command says stands in the manifests, and these are the application's own.
    packed = base64.b64encode(zlib.compress(text.encode())).decode()
    program = f"import base64, sys, zlib; print(zlib.decompress(base64.b64decode({packed!r})).decode())"
    return ["python3", "-c", f"{program}; sys.exit(7)"]


def _objects(team: Team, commit: str, **container: Any) -> list[dict[str, Any]]:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": _IN_A_SECRET,
        "data": {name: base64.b64encode(value.encode()).decode() for name, value in _ENCODED.items()},
    }
    variables = [{"name": name, "value": value} for name, value in _VARIABLES.items()]
    return [*application(team.image(commit), env=variables, **container), secret]


async def _a_life(scene: Scene) -> str:
    """It is served, GitHub fails in every way, and the next commit crashes; what the commands said of it."""
    team = scene.team
    scene.github.open(_REPOSITORY, _NUMBER, OPENED)
    said = [await _up(scene, _GOOD, OPENED)]
    await scene.until(_NUMBER, "True", "Ready", READY)
    await _until_said(scene, ": ready")
    for fault in FAULTS:
        scene.github.fault, asked = fault, len(scene.github.asked)

        async def is_asked(before: int = asked) -> bool | None:
            return len(scene.github.asked) > before or None

        await wait_until(is_asked, what=f"GitHub is asked through {fault}", timeout_s=60)
    scene.github.fault = None
    later = OPENED + dt.timedelta(hours=1)
    scene.github.open(_REPOSITORY, _NUMBER, later, head=_BAD)
    said.append(await _up(scene, _BAD, later, command=_crash()))

    await _until_said(scene, "cannot start")
    for words in (("status", str(_NUMBER)), ("evidence", str(_NUMBER)), ("list",)):
        ended = await scene.type(*words, f"--project={_PROJECT}")
        said.append(ended.out + ended.err)
    said.append((await asyncio.to_thread(team.type, "project", "show", _PROJECT)).done())
    return "\n".join(said)


async def _until_said(scene: Scene, words: str) -> None:
    async def said() -> bool:
        bodies = [each.body for each in scene.github.said(_REPOSITORY, _NUMBER)]
        if not any(words in body for body in bodies):
            raise NotYet("\n".join(bodies))
        return True

    await wait_until(said, what=f"the comment says {words}", timeout_s=150)


async def _up(scene: Scene, commit: str, at: dt.datetime, **container: Any) -> str:
    root = scene.team.checkout(f"pr-{_NUMBER}", *_objects(scene.team, commit, **container))
    ended = await asyncio.to_thread(
        scene.team.up, _NUMBER, root, commit, f"--observed-at={at.isoformat()}", "--timeout=90s"
    )
    return ended.out + ended.err


async def _a_job_that_fails(scene: Scene, ci: str, folder: Path) -> str:
    """With a kubeconfig that is good, one that is not, a registry that refuses, and no way to a token."""
    root = scene.team.checkout(f"pr-{_NUMBER}", *_objects(scene.team, _GOOD))
    docker = folder / "docker"
    docker.mkdir()
    login = base64.b64encode(f"robot:{_REGISTRY_LOGIN}".encode()).decode()
    (docker / "config.json").write_text(json.dumps({"auths": {"127.0.0.1:1": {"auth": login}}}))
    common = {
        **environment(scene.team.cluster.kubeconfig),
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(folder / "output"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "RUNNER_TEMP": str(folder),
        "DOCKER_CONFIG": str(docker),
        "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/token",
        "ACTIONS_ID_TOKEN_ASKED_WITH": _ASKED_WITH,
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
    }
    (folder / "event.json").write_text("{}")
    steps: tuple[dict[str, str], ...] = (
        {"command": "down", "kubeconfig": ci},
        {"command": "down", "kubeconfig": ci.replace("server: https", "server: nowhere")},
        {"command": "down", "server": "https://127.0.0.1:1"},
        {"command": "publish", "to": "127.0.0.1:1/guarded/previews"},
    )
    said = []
    for step in steps:
        inputs = {f"KUBEPREVIEW_INPUT_{name.upper()}": value for name, value in step.items()}
        ended = await asyncio.to_thread(kubepreview, "action", environ=common | inputs, directory=root)
        said.append(ended.out + ended.err)
        assert ended.code, step["command"]
    return "\n".join(said)


async def _deliveries_that_are_refused(address: str) -> None:
    async def refused() -> bool | None:
        async with httpx2.AsyncClient() as client:
            try:
                answer = await client.post(
                    address, content=b"{}", headers={"x-hub-signature-256": "sha256=0"}
                )
            except httpx2.RequestError:
                return None  # it is on its way up
            return answer.status_code == 401 or None

    await wait_until(refused, what="a delivery is refused", timeout_s=60)


def _logs(folder: Path) -> dict[str, str]:
    """Of controller and webhook."""
    return {each.name: each.read_text() for each in folder.glob("*.log")}


async def _everywhere(scene: Scene, when: str) -> dict[str, str]:
    """All that others can read, by place."""
    space = scene.team.control_namespace
    previews = [each.get("status") for each in await scene.client.list(PREVIEWS, space)]
    found = {
        "comments": "\n".join(each.body for each in scene.github.comments.values()),
        "deployments": json.dumps([[each.body, each.statuses] for each in scene.github.deployments.values()]),
        "check runs": json.dumps([each.body for each in scene.github.check_runs.values()]),
        "Events": json.dumps(await scene.client.list(EVENTS)),
        "status": json.dumps(previews),
        "evidence": json.dumps(await scene.client.list(CONFIGMAPS, space)),
    }
    return {f"{place} {when}": text for place, text in found.items()}
