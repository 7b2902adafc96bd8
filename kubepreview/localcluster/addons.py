"""The first objects of a cluster: DNS, ingress, and the rights of the network policies' firewall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubepreview.localcluster.config import NodeConfig

Object = Mapping[str, Any]

INGRESS_NAMESPACE = "traefik"
INGRESS_CLASS = "traefik"
INGRESS_IDLE_S = 5

# Pods of the system start on a node that is not Ready yet: it is, by the time they are.
_TOLERATE_ALL = [{"operator": "Exists"}]
_WEB_PORT = 8000
_PING_PORT = 8082
_METRICS_PORT = 8083
_INGRESS_PORTS = {"web": _WEB_PORT, "ping": _PING_PORT, "metrics": _METRICS_PORT}

# Outer names are refused at once: the node has no way out, and a resolver that waits would stall pods.
_COREFILE = """\
cluster.local in-addr.arpa ip6.arpa {
    errors
    health {
        lameduck 0s
    }
    ready
    kubernetes {
        ttl 5
    }
    cache 5
}
. {
    errors
    template ANY ANY {
        rcode REFUSED
    }
}
"""


def objects(config: NodeConfig) -> Iterator[Object]:
    """In the order of need: services first, so that nobody else is given their addresses."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": INGRESS_NAMESPACE}}
    yield from _dns(config)
    yield from _ingress(config)
    yield from _firewall()


def _dns(config: NodeConfig) -> Iterator[Object]:
    name, namespace = "coredns", "kube-system"
    labels = {"k8s-app": "kube-dns"}
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
    ]
    yield _service(_named("kube-dns", namespace), str(config.ranges.dns), labels, ports)
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _named(name, namespace),
        "data": {"Corefile": _COREFILE},
    }
    core = {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]}
    slices = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}
    yield from _account(name, namespace, [core, slices])
    container = {
        "name": name,
        "image": config.images.coredns,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": _probe("/ready", 8181),
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": 8080},
            "periodSeconds": 10,
            "failureThreshold": 5,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "170Mi"}},
        "securityContext": _security(),
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    volume = {"name": "config", "configMap": {"name": name}}
    # `Default` and not `ClusterFirst`: it is the server, and must not ask itself.
    yield _deployment(
        _named(name, namespace), labels, container, {"dnsPolicy": "Default", "volumes": [volume]}
    )


def _ingress(config: NodeConfig) -> Iterator[Object]:
    name, namespace = "traefik", INGRESS_NAMESPACE
    labels = {"app.kubernetes.io/name": "traefik"}
    ports = [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": _WEB_PORT}]
    yield _service(_named(name, namespace), str(config.ranges.ingress), labels, ports)
    yield {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {
            "name": INGRESS_CLASS,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
        },
        "spec": {"controller": "traefik.io/ingress-controller"},
    }
    read = ["get", "list", "watch"]
    rules: list[Object] = [
        {"apiGroups": [""], "resources": ["services", "secrets", "nodes", "configmaps"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses", "ingressclasses"], "verbs": read},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update"]},
    ]
    yield from _account(name, namespace, rules)
    container = {
        "name": name,
        "image": config.images.traefik,
        "imagePullPolicy": "IfNotPresent",
        "args": traefik_arguments(config),
        "ports": [{"name": name, "containerPort": port} for name, port in _INGRESS_PORTS.items()],
        "readinessProbe": _probe("/ping", _PING_PORT),
        "livenessProbe": {
            "httpGet": {"path": "/ping", "port": _PING_PORT},
            "periodSeconds": 10,
            "failureThreshold": 5,
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "300Mi"}},
        "securityContext": _security(),
    }
    yield _deployment(_named(name, namespace), labels, container, {})


def traefik_arguments(config: NodeConfig) -> Sequence[str]:
    """Ingress v1 and nothing else, as fast as it goes."""
    return [
        f"--entrypoints.web.address=:{_WEB_PORT}",
        # Health on a door of its own: on `web` it would take the path /ping from every application.
        f"--entrypoints.ping.address=:{_PING_PORT}",
        "--ping=true",
        "--ping.entrypoint=ping",
        f"--entrypoints.metrics.address=:{_METRICS_PORT}",
        "--metrics.prometheus=true",
        "--metrics.prometheus.entrypoint=metrics",
        "--providers.kubernetesingress=true",
        f"--providers.kubernetesingress.ingressclass={INGRESS_CLASS}",
        f"--providers.kubernetesingress.ingressendpoint.ip={config.ranges.ingress}",
        # No answer from a service without pods is 503 and not 404: it exists.
        "--providers.kubernetesingress.allowemptyservices=true",
        # Both default to 2 s, which is most of what a new route would wait for.
        "--providers.kubernetesingress.throttleduration=20ms",
        "--providers.providersthrottleduration=20ms",
        # By default an unused connection to a pod lives for 90 s, and so long may a preview fall asleep.
        f"--serversTransport.forwardingTimeouts.idleConnTimeout={INGRESS_IDLE_S}s",
        "--accesslog=true",
        "--accesslog.format=json",
        # By which robots are told from people; of other headers nothing is kept.
        "--accesslog.fields.headers.names.User-Agent=keep",
        "--log.level=INFO",
        "--log.nocolor=true",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]


def _firewall() -> Iterator[Object]:
    read = ["get", "list", "watch"]
    rules: list[Object] = [
        {
            "apiGroups": [""],
            "resources": ["namespaces", "pods", "services", "nodes", "endpoints"],
            "verbs": read,
        },
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": read},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
    ]
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:kube-router"}
    yield from _cluster_role("kubepreview:kube-router", rules, user)


def _account(name: str, namespace: str, rules: Sequence[Object]) -> Iterator[Object]:
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _named(name, namespace)}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    yield from _cluster_role(f"kubepreview:{name}", rules, subject)


def _cluster_role(name: str, rules: Sequence[Object], subject: Object) -> Iterator[Object]:
    group = "rbac.authorization.k8s.io"
    yield {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
    yield {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [subject],
    }


def _named(name: str, namespace: str) -> Object:
    return {"name": name, "namespace": namespace}


def _service(metadata: Object, address: str, selector: Object, ports: Sequence[Object]) -> Object:
    spec = {"clusterIP": address, "selector": selector, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _deployment(metadata: Object, labels: Object, container: Object, pod: Object) -> Object:
    spec = {
        "serviceAccountName": metadata["name"],
        "priorityClassName": "system-cluster-critical",
        "tolerations": _TOLERATE_ALL,
        "containers": [container],
        **pod,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _probe(path: str, port: int) -> Object:
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 1, "failureThreshold": 3}


def _security() -> Object:
    """As `restricted` asks; port 53 needs no capability, since containerd gives pods all ports."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
