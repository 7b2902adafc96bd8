"""Of 60 tokens, forged or of a neighbour, an apiserver believes the one that is right.

The apiserver is a real one, with the configuration that the product writes; but GitHub's keys cannot be
had here, so that it looks for them at an issuer of this machine that calls itself by GitHub's name.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from kubepreview.core import oidc
from kubepreview.core.project_spec import OidcIdentity
from kubepreview.kube.client import Client
from kubepreview.kube.credentials import Credentials
from kubepreview.kube.errors import Unauthorized
from tests.kube.controlplane import ControlPlane
from tests.kube.issuer import Issuer, at, new_key, trusted

_KNOWN: Final = (
    OidcIdentity(repository_id="1001", owner_id="2002"),
    OidcIdentity(repository_id="1009", owner_id="2009"),
)
_WORKFLOW: Final = ".github/workflows/preview.yml"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 — the apiserver compares with the clock


@pytest.fixture(scope="module")
def trusting(
    apiserver: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ControlPlane, Issuer]]:
    """An apiserver that was given what the product prints, and the issuer that it believes."""
    plane = ControlPlane(apiserver.find, tmp_path_factory.mktemp("trusting"))
    with trusted(plane, oidc.authentication_configuration(_KNOWN)) as issuer:
        yield plane, issuer


async def _who(plane: ControlPlane, token: str) -> dict[str, Any] | None:
    """Whom the apiserver takes its bearer for; None for nobody."""
    credentials = Credentials(server=plane.server, ca_data=plane.pem("ca.crt"), token=token)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    async with Client(credentials) as client:
        try:
            answer = await client.raw(
                "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review
            )
        except Unauthorized:
            return None
    user: dict[str, Any] = answer["status"]["userInfo"]
    return user


async def test_a_job_of_the_workflow_is_known_by_its_repository(
    trusting: tuple[ControlPlane, Issuer],
) -> None:
    """By its number; and who ran it, and what, is in the audit log."""
    plane, issuer = trusting
    user = await _who(plane, issuer.sign(at(_now())))

    assert user is not None
    assert user["username"] == "github-actions:1001" == oidc.username(_KNOWN[0])
    assert user["groups"] == ["system:authenticated"]
    assert {key: value for key, value in user["extra"].items() if key.startswith("kubepreview.dev/")} == {
        "kubepreview.dev/actor": ["ann"],
        "kubepreview.dev/run": ["4004"],
        "kubepreview.dev/commit": ["a" * 40],
    }


def _claims(**changes: Any) -> Callable[[Issuer], str]:
    return lambda issuer: issuer.sign(at(_now(), **changes))


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(issuer: Issuer) -> str:
    return issuer.sign(at(_now()), alg="none", key="")


def _signed_with_the_public_key(issuer: Issuer) -> str:
    import hashlib  # noqa: PLC0415 — this one forger only
    import hmac  # noqa: PLC0415 — this one forger only

    text = f"{_part({'alg': 'HS256', 'kid': 'key-1', 'typ': 'JWT'})}.{_part(at(_now()))}"
    signature = hmac.new(issuer.public_pem, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _other_content(issuer: Issuer) -> str:
    head, _, signature = issuer.sign(at(_now())).split(".")
    return f"{head}.{_part(at(_now(), run_id='4005'))}.{signature}"


def _of(file: str = _WORKFLOW, repository: str = "acme/shop", ref: str = "refs/pull/7/merge") -> str:
    return f"{repository}/{file}@{ref}"


# Everything that a forger can do who has no key of GitHub's, and every neighbour whom GitHub signs for.
_OTHERS: Final[dict[str, Callable[[Issuer], str]]] = {
    "unsigned": _unsigned,
    "signed with the public key as a secret": _signed_with_the_public_key,
    "signed by another key": lambda issuer: issuer.sign(at(_now()), key=new_key()),
    "signed by another key, which it names": lambda issuer: issuer.sign(
        at(_now()), key=new_key(), kid="key-2"
    ),
    "with a key that it brings along": lambda issuer: issuer.sign(
        at(_now()), key=new_key(), jku=f"{issuer.place}/keys"
    ),
    "changed after it was signed": _other_content,
    "without a signature": lambda issuer: issuer.sign(at(_now())).rpartition(".")[0] + ".",
    "cut off": lambda issuer: issuer.sign(at(_now()))[:-4],
    "no token": lambda _: "kubepreview",
    "of another issuer": _claims(iss="https://token.actions.example.com"),
    "of an issuer that begins alike": _claims(iss=f"{oidc.ISSUER}/acme"),
    "of an issuer in capitals": _claims(iss=oidc.ISSUER.upper()),
    "of no issuer": _claims(iss=None),
    "over": _claims(exp=int(_now().timestamp()) - 1),
    "without an end": _claims(exp=None),
    "not valid yet": _claims(nbf=int(_now().timestamp()) + 3600),
    "for nobody": _claims(aud=None),
    "for the owner, which is GitHub's default": _claims(aud="https://github.com/acme"),
    "for a cloud": _claims(aud="sts.amazonaws.com"),
    "for a cluster": _claims(aud="https://kubernetes.default.svc"),
    "for somebody alike": _claims(aud="kubepreview2"),
    "for several others": _claims(aud=["sigstore", "kubernetes"]),
    "of another repository of the owner": _claims(repository_id="1002", repository="acme/other"),
    "of another owner's repository of that name": _claims(
        repository_id="1003", repository_owner_id="2003", repository="evil/shop"
    ),
    "of a fork": _claims(repository_id="1004", repository_owner_id="2004", repository="ann/shop"),
    "of a repository that was made anew under the name": _claims(repository_id="1005"),
    "of a repository that another owner has now": _claims(repository_owner_id="2003"),
    "of two projects at once": _claims(repository_owner_id="2009"),
    "of numbers run together": _claims(repository_owner_id="2002/1001", repository_id=""),
    "with a number that is none": _claims(repository_id=1001),
    "of no repository": _claims(repository_id=None),
    "of no owner": _claims(repository_owner_id=None),
    "of a list of repositories": _claims(repository_id=["1001"]),
    "of a push": _claims(event_name="push"),
    "of pull_request_target": _claims(event_name="pull_request_target"),
    "of workflow_run": _claims(event_name="workflow_run"),
    "of issue_comment": _claims(event_name="issue_comment"),
    "of workflow_dispatch": _claims(event_name="workflow_dispatch"),
    "of a schedule": _claims(event_name="schedule"),
    "of no event": _claims(event_name=None),
    "of no environment": _claims(environment=None),
    "of an environment of no name": _claims(environment=""),
    "of another environment": _claims(environment="production"),
    "of an environment in capitals": _claims(environment="Previews"),
    "of an environment that begins alike": _claims(environment="previews-2"),
    "of the main branch": _claims(ref="refs/heads/main", job_workflow_ref=_of(ref="refs/heads/main")),
    "of a branch that is called like a pull request": _claims(
        ref="refs/heads/refs/pull/7/merge", job_workflow_ref=_of(ref="refs/heads/refs/pull/7/merge")
    ),
    "of a tag": _claims(ref="refs/tags/v1", job_workflow_ref=_of(ref="refs/tags/v1")),
    "of a pull request's head alone": _claims(
        ref="refs/pull/7/head", job_workflow_ref=_of(ref="refs/pull/7/head")
    ),
    "of no ref": _claims(ref=None),
    "of another workflow": _claims(job_workflow_ref=_of(".github/workflows/test.yml")),
    "of a workflow elsewhere in the repository": _claims(job_workflow_ref=_of(f"a/{_WORKFLOW}")),
    "of a workflow whose name begins alike": _claims(job_workflow_ref=_of(f"{_WORKFLOW}.yml")),
    "of a reusable workflow of somebody else": _claims(job_workflow_ref=_of(repository="evil/shop")),
    "of the workflow as another pull request has it": _claims(job_workflow_ref=_of(ref="refs/pull/8/merge")),
    "of the workflow as the main branch has it": _claims(job_workflow_ref=_of(ref="refs/heads/main")),
    "of no workflow": _claims(job_workflow_ref=None),
    "of a name that the workflow's does not fit": _claims(repository="acme/shop2"),
    "with nothing in it": lambda issuer: issuer.sign({}),
}


async def test_of_sixty_tokens_one_is_believed(trusting: tuple[ControlPlane, Issuer]) -> None:
    """Exactly the right one, which is asked about first and last; of the others nobody is anybody."""
    plane, issuer = trusting
    assert len(_OTHERS) == 59
    before = await _who(plane, issuer.sign(at(_now())))
    believed = {name for name, forged in _OTHERS.items() if await _who(plane, forged(issuer))}
    after = await _who(plane, issuer.sign(at(_now())))

    assert believed == set()
    assert before == after is not None
