"""What the test service has executed, so that a test can prove: each request exactly once."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from dataclasses import dataclass, field

from .httpd import Exchange, Handler

# Looking at the service is not executing something on it.
QUIET = {"/health", "/executed", "/connections", "/env", "/metrics"}


@dataclass
class Record:
    """What this process has done so far."""

    ready_at: float
    total: int = 0
    open: int = 0
    executing: int = 0
    most_at_once: int = 0
    ids: Counter[str] = field(default_factory=Counter)
    bodies: Counter[str] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)


RECORD = Record(ready_at=time.monotonic())


def execution_id(exchange: Exchange) -> str:
    return exchange.header("x-execution-id") or exchange.query.get("id", "")


async def digest(exchange: Exchange) -> tuple[str, int]:
    state, length = hashlib.sha256(), 0
    async for piece in exchange.pieces():
        state.update(piece)
        length += len(piece)
    if exchange.method not in ("GET", "HEAD"):
        RECORD.bodies[state.hexdigest()] += 1
    return state.hexdigest(), length


def _keep(line: str) -> None:
    """Where it survives this process, and is shared by all replicas."""
    if file := os.environ.get("RECORD_FILE"):
        with open(file, "a") as kept:  # noqa: PTH123 - one write of a short line is atomic
            kept.write(f"{line}\n")


def recorded(handler: Handler) -> Handler:
    async def handle(exchange: Exchange) -> None:
        if exchange.path not in QUIET:
            RECORD.total += 1
            RECORD.paths[exchange.path] += 1
            if identity := execution_id(exchange):
                RECORD.ids[identity] += 1
                _keep(f"{exchange.method} {identity}")
        executing = int(exchange.path not in QUIET)
        RECORD.open += 1
        RECORD.executing += executing
        RECORD.most_at_once = max(RECORD.most_at_once, RECORD.executing)
        try:
            await handler(exchange)
        finally:
            RECORD.open -= 1
            RECORD.executing -= executing

    return handle
