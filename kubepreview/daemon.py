"""What each process in the cluster offers to those who run it: /healthz, /readyz, /metrics, and its log."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route


async def serve_health(
    host: str, port: int, not_ready: Callable[[], list[str]], registry: CollectorRegistry
) -> None:
    """Serve until it is cancelled. `not_ready` names what is missing; an empty list is ready."""
    config = uvicorn.Config(
        _app(not_ready, registry), host=host, port=port, log_config=None, access_log=False, lifespan="off"
    )
    await serve(config)


async def serve(config: uvicorn.Config) -> None:
    """Serve until it is cancelled; the process's signals stay the process's."""
    await _Server(config).serve()


class _Server(uvicorn.Server):
    """Serves, and leaves the process's signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _app(not_ready: Callable[[], list[str]], registry: CollectorRegistry) -> Starlette:
    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        missing = not_ready()
        return PlainTextResponse("\n".join(missing or ["ok"]) + "\n", status_code=503 if missing else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    )


def cancel_on_signal(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """SIGTERM and SIGINT cancel these tasks, so that each ends in its own way."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _cancel_all, tasks)


def _cancel_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()


def identity(given: str | None, environ: Mapping[str, str]) -> str:
    """A name that no other replica has: what is given, the pod's, or the machine's and the process's."""
    return given or environ.get("POD_NAME") or f"{socket.gethostname()}-{os.getpid()}"


def log_as_json() -> None:
    """One JSON object a line, on stdout."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(),
    )
