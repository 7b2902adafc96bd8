"""What an ingress's counters say about visits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.ingressmetrics import ENVOY, TRAEFIK, Metrics, Tally, address, backend_in, backend_of


def _pod(annotations: dict[str, str], *ports: dict[str, Any], ip: str = "10.0.0.7") -> dict[str, Any]:
    return {
        "metadata": {"annotations": annotations},
        "spec": {"containers": [{"name": "sidecar"}, {"name": "ingress", "ports": list(ports)}]},
        "status": {"podIP": ip},
    }


@pytest.mark.parametrize(
    ("metrics", "pod", "url"),
    [
        (TRAEFIK, _pod({}), "http://10.0.0.7:8080/metrics"),
        (TRAEFIK, _pod({}, {"name": "metrics", "containerPort": 9100}), "http://10.0.0.7:9100/metrics"),
        (TRAEFIK, _pod({"prometheus.io/port": "9000", "prometheus.io/path": "/m"}), "http://10.0.0.7:9000/m"),
        (TRAEFIK, _pod({"prometheus.io/port": "none"}), "http://10.0.0.7:8080/metrics"),
        (ENVOY, _pod({}, {"containerPort": 8443}), "http://10.0.0.7:8002/stats/prometheus"),
        (ENVOY, _pod({}, ip="fd00::7"), "http://[fd00::7]:8002/stats/prometheus"),
    ],
)
def test_where_a_pod_tells_what_it_counted(metrics: Metrics, pod: dict[str, Any], url: str) -> None:
    """As it says itself, or where such a pod usually does."""
    assert address(metrics, pod) == url


@pytest.mark.parametrize(
    ("metrics", "port", "label"),
    [
        (TRAEFIK, "80", "shop-pr-7-web-80@kubernetes"),
        (TRAEFIK, "http.main", "shop-pr-7-web-http-main@kubernetes"),
        (ENVOY, "80", "shop-pr-7/web/80/da39a3ee5e"),
        (ENVOY, "http", "shop-pr-7/web/80/da39a3ee5e"),
    ],
)
def test_how_a_counter_names_a_backend(metrics: Metrics, port: str, label: str) -> None:
    """Both spellings come to the same."""
    assert backend_in(metrics, label) == backend_of(metrics, "shop-pr-7", "web", port)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans()), max_size=20))
def test_our_own_requests_are_no_visit_and_any_other_is(looks: list[tuple[int, int, bool]]) -> None:
    """However they are mixed, as long as the counters go on."""
    tally, ours = Tally(ours_before=0), 0
    for theirs, own, _ in looks:
        ours += own
        assert tally.visited(theirs + own, ours, is_certain=True) is (theirs > 0)


def test_a_counter_that_began_anew_hides_no_visitor() -> None:
    """It has forgotten our own requests; the next that is counted is somebody's all the same."""
    tally = Tally(ours_before=0)

    assert not tally.visited(0, 5, is_certain=False)
    assert tally.visited(1, 5, is_certain=True)


def test_what_is_counted_late_is_not_a_visit() -> None:
    """Our own request was sent before the ingress has counted it."""
    tally = Tally(ours_before=0)

    assert not tally.visited(0, 1, is_certain=True)
    assert not tally.visited(1, 1, is_certain=True)
