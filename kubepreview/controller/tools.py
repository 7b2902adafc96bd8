"""What a visit works with."""

from __future__ import annotations

import datetime as dt

import structlog
from msgspec import Struct

from kubepreview.controller.metrics import Metrics
from kubepreview.controller.probe import Prober
from kubepreview.controller.rooms import Rooms
from kubepreview.controller.visits import Visits
from kubepreview.kube.client import Client


class Tools(Struct, frozen=True, kw_only=True):
    """The cluster, the way in from outside, who came that way, and the two places where things are told.

    `cluster` is guarded by the lease: a request of one who no longer leads is never sent.
    """

    cluster: Client
    prober: Prober
    visits: Visits
    rooms: Rooms
    metrics: Metrics
    log: structlog.stdlib.BoundLogger

    def now(self) -> dt.datetime:
        """The cluster's time. Every visit begins with a question to the cluster, so it is known."""
        return self.cluster.clock.now()
