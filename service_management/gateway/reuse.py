"""Which services get a new connection for each request.

nginx keeps connections to a service and sends the next request on them. A service that closes them
without announcing it (`Connection: close`) loses requests: a POST that was sent may have been
executed, so it is not sent again. `keepalive: false` says so in the configuration; what a lost
request has shown is kept in a file of RUN_DIR, for as long as the service's entry stays as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import structlog

from service_management.atomic_files import write_private
from service_management.config import Service

_LOG = structlog.get_logger(__name__)


class Reuse:
    """`lost_a_request` may be called by any thread, `not_reused` by one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: set[str] = set()

    def lost_a_request(self, route: str) -> None:
        self._found.add(route)

    def not_reused(self, services: Iterable[Service]) -> frozenset[str]:
        """Routes, as of now; remembered."""
        entries = {service.route_name: _digest(service) for service in services}
        found = {self._found.pop() for _ in range(len(self._found))} & entries.keys()
        stored = self._read()
        known = {route: digest for route, digest in stored.items() if route in entries}
        for route in found - known.keys():
            _LOG.warning(
                "the service closes connections without announcing it: from now on each of its "
                "requests gets a new connection, as with keepalive: false",
                route=route,
            )
        kept = {route: digest for route, digest in known.items() if entries[route] == digest}
        kept |= {route: entries[route] for route in found}
        if kept != stored:
            self._write(kept)
        configured = {service.route_name for service in services if not service.keepalive}
        return frozenset(kept.keys() | configured)

    def _read(self) -> dict[str, str]:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(self._file.read_text())
            return found if isinstance(found, dict) else {}
        return {}

    def _write(self, kept: dict[str, str]) -> None:
        try:
            write_private(self._file, json.dumps(kept))
        except OSError as error:  # found again after the next restart
            _LOG.error("the list of connections not to reuse cannot be written", error=str(error))


def _digest(service: Service) -> str:
    return hashlib.sha256(service.model_dump_json().encode()).hexdigest()[:16]
