"""What the controller counts, under names that say the unit."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One registry a process, passed to whoever counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.visits = Counter(
            "kubepreview_visits_total",
            "Visits to previews, by how they ended.",
            ["outcome"],
            registry=self.registry,
        )
        self.visit_seconds = Histogram(
            "kubepreview_visit_duration_seconds",
            "How long a visit to a preview took.",
            registry=self.registry,
        )
        self.queue_length = Gauge(
            "kubepreview_queue_length", "Previews that are waiting for a visit.", registry=self.registry
        )
        self.previews = Gauge(
            "kubepreview_previews", "Previews that the controller knows of.", registry=self.registry
        )
        self.held = Gauge(
            "kubepreview_brake_held",
            "What is not deleted because too much would go at once, by what it is.",
            ["brake"],
            registry=self.registry,
        )
        self.is_leader = Gauge(
            "kubepreview_leader", "1 while this replica holds the lease.", registry=self.registry
        )
