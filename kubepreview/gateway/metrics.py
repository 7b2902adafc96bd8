"""What the gateway counts."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """One registry a process. `hosts` and `held` are asked when somebody looks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "kubepreview_gateway_requests_total",
            "Requests for the hosts of sleeping previews, by what became of them.",
            ["verdict"],
            registry=self.registry,
        )
        self.connections = Gauge(
            "kubepreview_gateway_connections", "Open connections of visitors.", registry=self.registry
        )
        self._hosts = Gauge(
            "kubepreview_gateway_hosts", "Hosts that the gateway answers for.", registry=self.registry
        )
        self._held = Gauge(
            "kubepreview_gateway_held_requests",
            "Requests that wait for their preview to wake.",
            registry=self.registry,
        )

    def watch(self, *, hosts: Callable[[], int], held: Callable[[], int]) -> None:
        """Where the two counts are known."""
        self._hosts.set_function(hosts)
        self._held.set_function(held)
