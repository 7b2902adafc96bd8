"""What others in the cluster obey: annotations and labels by which an object asks them for something.

Whoever reads these acts with rights of his own: a certificate is ordered, a name is published, a cloud's
identity is lent, a Secret is copied. A pull request asks nobody for anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# The domain of the keys (and whatever is below it), and what somebody who obeys them does.
OBEYED: Final = (
    ("acme.cert-manager.io", "orders certificates"),
    ("amazonaws.com", "lends a role of the cloud, makes load balancers"),
    ("appscode.com", "copies Secrets between namespaces"),
    ("argoproj.io", "takes objects over, and deletes them"),
    ("azure.com", "makes load balancers and lends identities"),
    ("azure.workload.identity", "lends an identity of the cloud"),
    ("cert-manager.io", "orders certificates"),
    ("cloud.google.com", "makes load balancers and firewalls"),
    ("cluster-autoscaler.kubernetes.io", "keeps a node that should go"),
    ("cni.cncf.io", "joins a pod to other networks"),
    ("cni.projectcalico.org", "chooses a pod's address"),
    ("dapr.io", "puts a container into a pod"),
    ("emberstack.com", "copies Secrets between namespaces"),
    ("external-dns.alpha.kubernetes.io", "publishes names"),
    ("fluxcd.io", "takes objects over, and deletes them"),
    ("gke.io", "lends an identity of the cloud, makes load balancers"),
    ("haproxy.org", "changes an ingress controller"),
    ("hashicorp.com", "puts containers and secrets into a pod"),
    ("ingress.kubernetes.io", "changes an ingress controller"),
    ("istio.io", "puts a container into a pod, changes routes"),
    ("karpenter.sh", "keeps a node that should go"),
    ("konghq.com", "changes an ingress controller"),
    ("linkerd.io", "puts a container into a pod"),
    ("metallb.io", "makes load balancers"),
    ("metallb.universe.tf", "makes load balancers"),
    ("mittwald.de", "copies Secrets between namespaces"),
    ("nginx.org", "changes an ingress controller"),
    ("projectcontour.io", "changes an ingress controller"),
    ("service.beta.kubernetes.io", "makes load balancers"),
    ("tailscale.com", "publishes a Service on another network"),
    ("traefik.io", "changes an ingress controller"),
    ("velero.io", "runs commands in a pod, copies its volumes"),
)
# For CEL, which has RE2, and for Python alike.
PATTERN: Final = rf"^([a-z0-9.-]+[.])?({'|'.join(re.escape(domain) for domain, _ in OBEYED)})/"
_OBEYED: Final = re.compile(PATTERN)


def obeyed(keys: Iterable[object]) -> tuple[str, ...]:
    """Those of the keys of annotations or labels that somebody else obeys, in order."""
    return tuple(sorted(key for key in keys if isinstance(key, str) and _OBEYED.match(key)))
