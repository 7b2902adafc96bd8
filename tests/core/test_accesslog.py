"""What an access log tells, line by line."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubepreview.core.accesslog import Access, Format, read

# As Traefik 3 wrote it, shortened by what is not read.
_TRAEFIK: dict[str, Any] = {
    "ClientAddr": "10.244.0.1:53412",
    "DownstreamStatus": 200,
    "Duration": 2_500_000_000,
    "RequestHost": "pr-7.rapidrar.localhost",
    "RequestPath": "/version",
    "StartUTC": "2026-11-26T18:40:01.5Z",
    "level": "info",
    "request_User-Agent": "curl/8.14.1",
}
# The example of Envoy's documentation, with a host.
_ENVOY = (
    '[2026-11-26T18:40:01.500Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 2500 100 "10.0.35.28" '
    '"curl/8.14.1" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "PR-7.rapidrar.localhost:8080" "10.0.2.1:80"'
)
_SEEN = Access(
    host="pr-7.rapidrar.localhost",
    user_agent="curl/8.14.1",
    ended=dt.datetime(2026, 11, 26, 18, 40, 4, tzinfo=dt.UTC),
)


@pytest.mark.parametrize(
    ("form", "line", "seen"),
    [
        ("traefik", json.dumps(_TRAEFIK), _SEEN),
        ("envoy", _ENVOY, _SEEN),
        # A visitor chooses his user agent, and no other field by it.
        (
            "envoy",
            _ENVOY.replace("curl/8.14.1", 'x" "id" "staging" "y'),
            Access(host=_SEEN.host, user_agent='x" "id" "staging" "y', ended=_SEEN.ended),
        ),
        # Without the setting that keeps it, robots cannot be told from people.
        (
            "traefik",
            json.dumps({key: value for key, value in _TRAEFIK.items() if "User-Agent" not in key}),
            Access(host=_SEEN.host, user_agent=None, ended=_SEEN.ended),
        ),
        ("traefik", json.dumps({"level": "info", "msg": "Configuration loaded"}), None),
        ("traefik", json.dumps({**_TRAEFIK, "StartUTC": "2026-11-26T18:40:01.5"}), None),
        ("traefik", json.dumps(_TRAEFIK)[:-9], None),
        ("traefik", '10.0.0.1 - - [26/Nov/2026:18:40:01 +0000] "GET / HTTP/1.1" 200 1', None),
        ("envoy", "[2026-11-26 18:40:01.500][1][info] starting", None),
        ("envoy", _ENVOY.replace("2026-11-26T18:40:01.500Z", "yesterday"), None),
    ],
)
def test_a_line_is_a_visit_or_nothing(form: Format, line: str, seen: Access | None) -> None:
    """Each row: a format, a line, and what it tells."""
    assert read(form, line) == seen


@given(form=st.sampled_from(get_args(Format)), line=st.text())
def test_no_line_breaks_the_reader(form: Format, line: str) -> None:
    """Whatever somebody brings into the log."""
    assert read(form, line) is None


@given(agent=st.text(), duration=st.integers())
def test_no_field_breaks_the_reader(agent: str, duration: int) -> None:
    """Of those that a visitor has a hand in."""
    line = json.dumps({**_TRAEFIK, "request_User-Agent": agent, "Duration": duration})

    assert isinstance(read("traefik", line), Access | None)
    assert isinstance(read("envoy", _ENVOY.replace("curl/8.14.1", agent)), Access | None)
