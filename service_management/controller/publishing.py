"""Which tunnels each ready service's requests are sent to.

With several SSH connections one may be down: its share goes to the tunnels that are up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from service_management.controller.socket_paths import Sockets
from service_management.lifecycle.record import Job, Record


class Routes(Protocol):
    """Exactly the ready services are published."""

    def published(self) -> Iterable[str]: ...
    def publish(self, route: str, tunnels: tuple[Path, ...], quiet: Path) -> None: ...
    def unpublish(self, route: str) -> None: ...


class RoutePublisher:
    """`is_up`: the tunnel listens and leads to the node where the job runs now. `number`: the
    connection for new requests of a job whose further tunnels are opened on demand."""

    def __init__(
        self,
        routes: Routes,
        sockets: Callable[[Job], Sockets],
        is_up: Callable[[Job, Path], bool],
        number: Callable[[Job], int] = lambda _: 0,
    ) -> None:
        self._routes, self._sockets, self._is_up = routes, sockets, is_up
        self._number = number
        self._shown: dict[str, tuple[Path, ...]] = {}

    def published(self) -> set[str]:
        return set(self._routes.published())

    def publish(self, record: Record) -> None:
        if record.job is None:
            return
        sockets = self._sockets(record.job)
        tunnels = self._tunnels(record.route, record.job, sockets)
        self._routes.publish(record.route, tunnels, sockets.quiet)
        self._shown[record.route] = tunnels

    def unpublish(self, route: str) -> None:
        self._routes.unpublish(route)
        self._shown.pop(route, None)

    def refresh(self, records: Iterable[Record]) -> None:
        """Follow the tunnels of published services that have several."""
        for record in records:
            shown, job = self._shown.get(record.route), record.job
            if shown is None or job is None:
                continue
            sockets = self._sockets(job)
            if sockets.further and self._tunnels(record.route, job, sockets) != shown:
                self.publish(record)

    def _tunnels(self, route: str, job: Job, sockets: Sockets) -> tuple[Path, ...]:
        if sockets.on_demand:
            return (self._tunnel(route, job, sockets),)
        up = tuple(one for one in sockets.clients if self._is_up(job, one))
        return up or (sockets.main,)

    def _tunnel(self, route: str, job: Job, sockets: Sockets) -> Path:
        """The chosen one once it is up; until then the one that is published."""
        chosen, shown = sockets.clients[self._number(job)], self._shown.get(route, ())
        candidates = (chosen, *(one for one in shown if one in sockets.clients))
        return next((one for one in candidates if self._is_up(job, one)), sockets.main)
