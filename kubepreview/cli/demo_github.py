"""The demo's GitHub, which stands in on the cluster, and the author who works there, by GitHub's own API."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any, Final

import httpx2
from msgspec import Struct

from kubepreview.cli.demo_visitor import Door
from kubepreview.core import keys
from kubepreview.errors import Failed
from kubepreview.kube.wait import NotYet, wait_until

REPOSITORY: Final = "acme/rapidrar"
HOST: Final = "github.localhost"
# As the controller reaches it.
API: Final = "http://github.github.svc"
_AUTHOR: Final = "ada"
# They open nothing but the stand-in, and are as good as told: everybody who sees its page acts as ada.
_TOKENS: Final = {_AUTHOR: "ghp_demo_of_ada", "kubepreview-bot": "ghs_demo_of_kubepreview"}
_WEBHOOK_SECRET: Final = "the webhook of the demo"  # noqa: S105 — as above
_MAY: Final = {
    _AUTHOR: ("contents:write", "pull_requests:read", "pull_requests:write"),
    "kubepreview-bot": (
        *("pull_requests:read", "pull_requests:write"),
        *("deployments:read", "deployments:write"),
    ),
}
# At once, if not for GitHub's limits: whoever runs the demo again and again has to wait for them.
_SAYS_S: Final = 120.0


def lay_out(folder: Path, source: Path, image: str, main: str, port: int) -> None:
    """Write a kustomization into `folder`: the stand-in of the tree `source`, and what it and we must know.

    `main`: the commit that the repository is at; `port`: that of the ingress. What the stand-in knew is
    forgotten when it is applied anew with another commit.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = {
        "repository": REPOSITORY,
        "main": main,
        "pages": f"http://{HOST}:{port}",
        "accounts": [{"login": who, "token": _TOKENS[who], "permissions": _MAY[who]} for who in _TOKENS],
        "webhook": {
            "url": f"http://{keys.WEBHOOK}.{keys.SYSTEM_NAMESPACE}.svc/github",
            "secret": _WEBHOOK_SECRET,
        },
    }
    (folder / "settings.json").write_text(json.dumps(settings, indent=2))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": keys.SYSTEM_NAMESPACE}}
    (folder / "namespace.yaml").write_text(json.dumps(namespace))
    name, _, digest = image.partition("@")
    kustomization = {
        # A kustomization is named by where it is from here.
        "resources": [os.path.relpath(source / "standin" / "deploy", folder.resolve()), "namespace.yaml"],
        "images": [{"name": "standin", "newName": name, "digest": digest}],
        "secretGenerator": [
            {"name": "settings", "namespace": "github", "files": ["settings.json"]},
            _secret("kubepreview-github", f"token={_TOKENS['kubepreview-bot']}"),
            _secret("kubepreview-webhook", f"secret={_WEBHOOK_SECRET}"),
        ],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=2))


def _secret(name: str, literal: str) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": keys.SYSTEM_NAMESPACE,
        "literals": [literal],
        "options": {"disableNameSuffixHash": True},
    }


class Author(Struct, frozen=True):
    """Ada, who has branches and pull requests. `door`: the way to GitHub."""

    door: Door

    def page(self, number: int) -> str:
        """Where people see the pull request."""
        return f"http://{self.door.host}/{REPOSITORY}/pull/{number}"

    async def push(self, branch: str, sha: str) -> None:
        """The branch is at this commit."""
        moved = await self._ask("PATCH", f"git/refs/heads/{branch}", {"sha": sha}, missing=422)
        if moved is None:
            await self._ask("POST", "git/refs", {"ref": f"refs/heads/{branch}", "sha": sha})

    async def propose(self, branch: str, title: str) -> int:
        """Open a pull request; its number."""
        made = await self._ask("POST", "pulls", {"title": title, "head": branch, "base": "main"})
        number: int = made["number"]
        return number

    async def turn(self, number: int, state: str) -> None:
        """The pull request is ``closed``, or ``open`` again."""
        await self._ask("PATCH", f"pulls/{number}", {"state": state})

    async def hears(self, number: int, state: str, sha: str) -> str:
        """Wait until the comment on the pull request says this of this commit; the whole comment."""
        heading = re.compile(rf"^### Preview of `{sha[:7]}`: {state}$", re.MULTILINE)

        async def look() -> str:
            said = [each["body"] for each in await self._ask("GET", f"issues/{number}/comments")]
            for body in said:
                if heading.search(body):
                    return str(body)
            headings = [line for body in said for line in body.splitlines() if line.startswith("###")]
            raise NotYet(f"it has the comments {headings}")

        what = f"{self.page(number)} says that {sha[:7]} is {state}"
        return await wait_until(look, what=what, timeout_s=_SAYS_S)

    async def _ask(self, method: str, path: str, body: Any = None, *, missing: int = 0) -> Any:
        """One request to the API about the repository; None for the code that means that it is not there."""
        headers = {
            "host": self.door.host,
            "authorization": f"Bearer {_TOKENS[_AUTHOR]}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }
        url = f"http://{self.door.address}/repos/{REPOSITORY}/{path}"
        async with httpx2.AsyncClient(trust_env=False) as http:
            answer = await http.request(method, url, headers=headers, json=body)
        if answer.status_code == missing:
            return None
        if not answer.is_success:
            raise Failed(f"the stand-in answered {method} {path} with {answer.status_code}: {answer.text}")
        return answer.json()
