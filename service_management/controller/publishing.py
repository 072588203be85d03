"""Which tunnels each ready service's requests are sent to.

With several SSH connections one may be down: its share goes to those that stand, until it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from service_management.controller.socket_paths import Sockets
from service_management.lifecycle.record import Job, Record


class Routes(Protocol):
    """What is published is exactly what is ready."""

    def published(self) -> Iterable[str]: ...
    def publish(self, route: str, tunnels: tuple[Path, ...], quiet: Path) -> None: ...
    def unpublish(self, route: str) -> None: ...


class RoutePublisher:
    """`stands`: a tunnel of this job that leads to where it runs now."""

    def __init__(
        self,
        routes: Routes,
        sockets: Callable[[Job], Sockets],
        stands: Callable[[Job, Path], bool],
    ) -> None:
        self._routes, self._sockets, self._stands = routes, sockets, stands
        self._shown: dict[str, tuple[Path, ...]] = {}

    def published(self) -> set[str]:
        return set(self._routes.published())

    def publish(self, record: Record) -> None:
        if record.job is None:
            return
        sockets = self._sockets(record.job)
        tunnels = self._tunnels(record.job, sockets)
        self._routes.publish(record.route, tunnels, sockets.quiet)
        self._shown[record.route] = tunnels

    def unpublish(self, route: str) -> None:
        self._routes.unpublish(route)
        self._shown.pop(route, None)

    def refresh(self, records: Iterable[Record]) -> None:
        """Follow the tunnels of those that are published and have several."""
        for record in records:
            shown, job = self._shown.get(record.route), record.job
            if shown is None or job is None:
                continue
            sockets = self._sockets(job)
            if sockets.further and self._tunnels(job, sockets) != shown:
                self.publish(record)

    def _tunnels(self, job: Job, sockets: Sockets) -> tuple[Path, ...]:
        standing = tuple(one for one in sockets.clients if self._stands(job, one))
        return standing or (sockets.main,)
