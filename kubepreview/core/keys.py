"""Every word of ours that crosses a wire: labels, annotations, names. Each is written here, once."""

from __future__ import annotations

from typing import Final

GROUP: Final = "kubepreview.dev"
API_VERSION: Final = "kubepreview.dev/v1alpha1"

# The field manager of every server-side apply of the controller, and of the command line's writes.
MANAGER: Final = "kubepreview"
CLI_MANAGER: Final = "kubepreview-cli"
# Of the counts of replicas, which are put to zero and brought back beside what the author wrote.
SLEEP_MANAGER: Final = "kubepreview-sleep"

# Labels. Namespaces and objects that carry MANAGED are ours to change; nothing else is.
MANAGED: Final = "kubepreview.dev/managed"
# Where the Preview lives: PROJECT is its (control) namespace, PREVIEW its name. Together a queue key.
PROJECT: Final = "kubepreview.dev/project"
PREVIEW: Final = "kubepreview.dev/preview"
# On a preview's namespace: which pod profile its pods must meet. Admission policies read it.
POD_PROFILE: Final = "kubepreview.dev/pod-profile"
# There, too, where its pods are to start only when the network policies hold them.
POD_START: Final = "kubepreview.dev/pod-start"
WHEN_ISOLATED: Final = "when-isolated"
# There, too: the RuntimeClass that every pod has, and the keys of taints that its pods may tolerate.
RUNTIME_CLASS: Final = "kubepreview.dev/runtime-class"
TOLERATED: Final = "kubepreview.dev/tolerated-taints"
# A label, as policies cannot choose namespaces by annotations: there is a RuntimeClass.
HAS_RUNTIME_CLASS: Final = "kubepreview.dev/has-runtime-class"
# Tells the objects of a pull request from those the product wrote itself.
ORIGIN: Final = "kubepreview.dev/origin"
ORIGIN_PULL_REQUEST: Final = "pull-request"
ORIGIN_PRODUCT: Final = "product"

# Annotations.
# SHA-256 of the object as we wanted it when we applied it; equal means nothing to do.
APPLIED_HASH: Final = "kubepreview.dev/applied-hash"
# Put on an object of a preview by hand, as "true": what is changed there by hand stays until the next push.
HANDS_OFF: Final = "kubepreview.dev/hands-off"
# On a preview's namespace: the UID of the Preview it belongs to, so that a look-alike is never adopted.
PREVIEW_UID: Final = "kubepreview.dev/preview-uid"
IMAGE_PREFIXES: Final = "kubepreview.dev/image-prefixes"

# On an Ingress of the gateway: which preview it answers for, as JSON (`core.gateway.Sleeper`).
SLEEPER: Final = "kubepreview.dev/sleeper"
# On what is kept of a preview: a label with its name, and until when it is kept.
EVIDENCE: Final = "kubepreview.dev/evidence"
EXPIRES_AT: Final = "kubepreview.dev/expires-at"
# In the node selector of a DaemonSet that sleeps: no node has it.
NO_NODE: Final = "kubepreview.dev/asleep"

# Where the product itself runs, and its cluster-wide objects.
SYSTEM_NAMESPACE: Final = "kubepreview-system"
CONTROLLER: Final = "kubepreview-controller"
# What answers for sleeping previews, in a namespace of its own: nothing is there but it and its Ingresses.
GATEWAY_NAMESPACE: Final = "kubepreview-gateway"
GATEWAY: Final = "kubepreview-gateway"
# There, too: the record of what is not deleted because too much would go at once.
BRAKE: Final = "kubepreview-brake"
# There, too: the token with which pull requests are read, in a Secret that the platform team makes.
GITHUB_SECRET: Final = "kubepreview-github"  # noqa: S105 — its name
# There, too: the logins with which artifacts are taken from registries, in a Secret of docker's own type.
REGISTRY_SECRET: Final = "kubepreview-registry"  # noqa: S105 — its name
# What hears GitHub's webhooks, and the hints that it writes there.
WEBHOOK: Final = "kubepreview-webhook"
PRIORITY_CLASS: Final = "kubepreview"
# In every preview's namespace: the identity under which the pull request's objects are applied.
DEPLOYER: Final = "kubepreview-deployer"
DEPLOYER_ROLE: Final = "kubepreview-deployer"
DEPLOYER_DAEMON_SET_ROLE: Final = "kubepreview-deployer-daemonsets"
# In a project's control namespace: the identity of continuous integration.
CI_ACCOUNT: Final = "kubepreview-ci"
CI_ROLE: Final = "kubepreview-ci"
# There, too: what lets the controller keep the evidence of previews.
EVIDENCE_ROLE: Final = "kubepreview-evidence"
# There, too, where it takes artifacts: what lets it write Previews.
TAKER_ROLE: Final = "kubepreview-taker"
# Name of each object that the product writes into a preview's namespace.
GUARD: Final = "kubepreview"


def deployer_user(namespace: str) -> str:
    """The user name of a preview's deployer, as RBAC and impersonation spell it."""
    return f"system:serviceaccount:{namespace}:{DEPLOYER}"
