"""kube-apiserver: Node and RBAC authorization, and no anonymous answers but health."""

from __future__ import annotations

import json

from kubepreview.localcluster.components import etcd
from kubepreview.localcluster.config import NodeConfig
from kubepreview.localcluster.layout import CONFIG, PKI

PORT = 6443
AUTHENTICATION = CONFIG / "authentication.json"


def arguments(config: NodeConfig) -> list[str]:
    """Admission is the default set and NodeRestriction: what a careful cluster runs."""
    issuer = "https://kubernetes.default.svc.cluster.local"
    return [
        config.program("kube-apiserver"),
        f"--advertise-address={config.ranges.node}",
        "--bind-address=0.0.0.0",
        f"--secure-port={PORT}",
        f"--service-cluster-ip-range={config.ranges.services}",
        f"--etcd-servers={etcd.CLIENT}",
        f"--etcd-cafile={PKI / 'ca.crt'}",
        f"--etcd-certfile={PKI / 'apiserver-etcd-client.crt'}",
        f"--etcd-keyfile={PKI / 'apiserver-etcd-client.key'}",
        f"--tls-cert-file={PKI / 'apiserver.crt'}",
        f"--tls-private-key-file={PKI / 'apiserver.key'}",
        f"--client-ca-file={PKI / 'ca.crt'}",
        f"--authentication-config={AUTHENTICATION}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--kubelet-certificate-authority={PKI / 'ca.crt'}",
        f"--kubelet-client-certificate={PKI / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={PKI / 'apiserver-kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-issuer={issuer}",
        f"--service-account-key-file={PKI / 'service-account.pub'}",
        f"--service-account-signing-key-file={PKI / 'service-account.key'}",
        f"--requestheader-client-ca-file={PKI / 'front-proxy-ca.crt'}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={PKI / 'front-proxy-client.crt'}",
        f"--proxy-client-key-file={PKI / 'front-proxy-client.key'}",
        "--profiling=false",
    ]


def authentication() -> str:
    """Health for everybody; everything else for those who are known."""
    health = [{"path": path} for path in ("/livez", "/readyz", "/healthz")]
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": {"enabled": True, "conditions": health},
    }
    return json.dumps(document, indent=2) + "\n"
