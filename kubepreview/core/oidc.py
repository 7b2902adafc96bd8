"""Workflows that log in to the cluster with GitHub's own word for who they are, instead of a secret.

GitHub signs for each job a token that says of which repository, workflow and environment it is (OpenID
Connect). An apiserver believes it by an AuthenticationConfiguration (apiserver.config.k8s.io/v1), which
these rules are written for; whom it believes may then do what a project's RoleBinding gives, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from kubepreview.core.project_spec import OidcIdentity
from kubepreview.core.wire import Object
from kubepreview.core.workflow import ENVIRONMENT, FILE

ISSUER: Final = "https://token.actions.githubusercontent.com"
AUDIENCE: Final = "kubepreview"
API_VERSION: Final = "apiserver.config.k8s.io/v1"

_USER: Final = "github-actions:"
# Where an apiserver's audit log shows which run of whom it was.
_EXTRA: Final = {
    "kubepreview.dev/actor": "claims.actor",
    "kubepreview.dev/run": "claims.run_id",
    "kubepreview.dev/commit": "claims.sha",
}


def username(identity: OidcIdentity) -> str:
    """How the cluster knows the workflow of a repository. Names change hands, and numbers do not."""
    return f"{_USER}{identity.repository_id}"


def authentication_configuration(identities: Iterable[OidcIdentity], audience: str = AUDIENCE) -> Object:
    """What the apiserver is started with (``--authentication-config``): these repositories, and nobody else.

    A claim that is missing makes a rule an error, and the token is refused.
    """
    known = sorted({f"{each.owner_id}/{each.repository_id}" for each in identities})
    return {
        "apiVersion": API_VERSION,
        "kind": "AuthenticationConfiguration",
        "jwt": [
            {
                "issuer": {"url": ISSUER, "audiences": [audience]},
                "claimValidationRules": [
                    {"expression": expression, "message": message} for expression, message in _rules(known)
                ],
                "claimMappings": {
                    "username": {"expression": f"'{_USER}' + claims.repository_id"},
                    "extra": [{"key": key, "valueExpression": claim} for key, claim in _EXTRA.items()],
                },
            }
        ],
    }


def _rules(known: list[str]) -> Iterable[tuple[str, str]]:
    listed = ", ".join(f"'{each}'" for each in known)
    yield (
        f"claims.repository_owner_id + '/' + claims.repository_id in [{listed}]",
        "it is of no repository that has a project here",
    )
    # Not pull_request_target, workflow_run and the like, which run others' code with the base's rights.
    yield "claims.event_name == 'pull_request'", "it is of no pull_request event"
    yield f"claims.environment == '{ENVIRONMENT}'", f"it is not of the environment {ENVIRONMENT}"
    yield "claims.ref.matches('^refs/pull/[0-9]+/merge$')", "it is not of the pull request's own ref"
    yield (
        f"claims.job_workflow_ref == claims.repository + '/{FILE}@' + claims.ref",
        f"its workflow is not {FILE} of the pull request itself",
    )
