"""Who visited which host, read from the access log of an ingress controller.

One small interface for all: a line is an `Access`, or is none of ours. A new format is a function and a row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

Format = Literal["traefik", "envoy"]


class Access(Struct, frozen=True, kw_only=True):
    """One request that was answered.

    `host`: in lower case, without a port. `user_agent`: None where the log does not tell it, so that people
    cannot be told from robots. `ended`: by the clock of whoever wrote the log.
    """

    host: str
    user_agent: str | None
    ended: dt.datetime


class _Traefik(Struct, frozen=True, kw_only=True):
    """The fields that are read of Traefik's JSON format, which since v2 writes them like this."""

    request_host: str = msgspec.field(name="RequestHost")
    start: dt.datetime = msgspec.field(name="StartUTC")
    duration_ns: int = msgspec.field(name="Duration")
    user_agent: str | None = msgspec.field(name="request_User-Agent", default=None)


_traefik = msgspec.json.Decoder(_Traefik)
# Envoy's default text format, which Contour writes too. A user agent may hold quotes, a host may not.
_ENVOY: Final = re.compile(
    r'\[(?P<start>[^\]]+)\] "[^"]*" \d+ \S+ \d+ \d+ (?P<ms>\d+) \S+ '
    r'"[^"]*" "(?P<agent>.*)" "[^"]*" "(?P<host>[^"]*)" "[^"]*"\s*'
)


def read(form: Format, line: str) -> Access | None:
    """What the line tells; None if it is no line of the access log. Never raises, whatever the line."""
    return _READERS[form](line)


def _read_traefik(line: str) -> Access | None:
    try:
        told = _traefik.decode(line)
        ended = _later(told.start, told.duration_ns / 1e9)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None
    return Access(host=_host(told.request_host), user_agent=told.user_agent, ended=ended) if ended else None


def _read_envoy(line: str) -> Access | None:
    told = _ENVOY.fullmatch(line)
    if told is None:
        return None
    try:
        ended = _later(dt.datetime.fromisoformat(told["start"]), int(told["ms"]) / 1e3)
    except ValueError:
        return None
    return Access(host=_host(told["host"]), user_agent=told["agent"], ended=ended) if ended else None


_READERS: Final[Mapping[Format, Callable[[str], Access | None]]] = {
    "traefik": _read_traefik,
    "envoy": _read_envoy,
}


def _later(start: dt.datetime, duration_s: float) -> dt.datetime | None:
    if start.tzinfo is None:
        return None
    try:
        return start + dt.timedelta(seconds=duration_s)
    except OverflowError:
        return None


def _host(told: str) -> str:
    name, colon, port = told.lower().rpartition(":")
    return name if colon and port.isdigit() else told.lower()
