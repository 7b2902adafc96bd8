"""Who may let a commit of a fork be built, and what they are shown before.

An approval names a full SHA and holds for it alone. It stands in the Preview's spec, which continuous
integration writes, too; so the apiserver itself asks who it is that writes it, as it does for certificates.
"""

from __future__ import annotations

from typing import Final

from kubepreview.core import admission, keys
from kubepreview.core.model import Preview
from kubepreview.core.project_spec import ProjectSpec
from kubepreview.core.wire import Object

VERB: Final = "approve"
ROLE: Final = "kubepreview-approver"
POLICY: Final = "kubepreview-approvals"

_GITHUB: Final = "https://github.com"
# What has an approval that was not there, or was another: taking one away takes no right.
_IS_NEW: Final = (
    "has(object.spec.approval) && (oldObject == null || !has(oldObject.spec.approval)"
    " || object.spec.approval != oldObject.spec.approval)"
)
_MAY: Final = (
    f"authorizer.group('{keys.GROUP}').resource('previews').namespace(object.metadata.namespace)"
    f".name(object.metadata.name).check('{VERB}').allowed()"
)


def is_approved(preview: Preview) -> bool:
    """Whether this very commit was approved."""
    approval = preview.spec.approval
    return approval is not None and approval.sha == preview.spec.revision.sha


def to_look_at(preview: Preview, project: ProjectSpec) -> str:
    """Where a person sees what an approval would let in: since the last approved commit, or all of it."""
    pull_request, sha = preview.spec.pull_request, preview.spec.revision.sha
    base, _, _ = pull_request.url.partition(f"/pull/{pull_request.number}")
    if not base.endswith(project.repository):
        base = f"{_GITHUB}/{project.repository}"
    if preview.spec.approval and preview.spec.approval.sha != sha:
        return f"{base}/compare/{preview.spec.approval.sha}...{sha}"
    return f"{base}/pull/{pull_request.number}/commits/{sha}"


def policy_and_binding() -> tuple[Object, Object]:
    """The policy and its binding. It looks at previews only, and at nothing of them but this."""
    rule = {
        "apiGroups": [keys.GROUP],
        "apiVersions": ["*"],
        "resources": ["previews"],
        "operations": ["CREATE", "UPDATE"],
    }
    refusal = (
        f"spec.approval is written by somebody who may not approve; it takes the verb {VERB} on "
        f"previews.{keys.GROUP}, which ClusterRole {ROLE} gives"
    )
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "is-new", "expression": _IS_NEW}],
        "validations": [{"expression": _MAY, "message": refusal, "reason": "Forbidden"}],
    }
    metadata = {"name": POLICY}
    return (
        {
            "apiVersion": admission.API_VERSION,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": dict(metadata),
            "spec": spec,
        },
        {
            "apiVersion": admission.API_VERSION,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": dict(metadata),
            "spec": {"policyName": POLICY, "validationActions": ["Deny"]},
        },
    )
