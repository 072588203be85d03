"""Which tunnels the requests of each service are sent to: the tunnels of its ready replicas.

nginx knows a service by a fixed number of names, its positions. The ready replicas are spread over
them without a gap at the beginning: while any is ready, position 0 leads to one (nginx/README.md
says what nginx makes of that). A replica keeps its position for as long as that allows.

With several SSH connections one tunnel of a replica may be down: its share goes to those that are
up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from service_management.controller.socket_paths import Sockets, nonce_of, parse_socket
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica

Position = tuple[str, int]  # route, number


class Routes(Protocol):
    """Exactly the ready replicas are published."""

    def published(self) -> Mapping[Position, Path]:
        """The first tunnel that each published position leads to."""

    def damaged(self, positions: Collection[Position]) -> Iterable[Position]:
        """Those of which something was removed."""

    def publish(
        self, route: str, position: int, tunnels: tuple[Path, ...], quiet: Path
    ) -> None: ...
    def unpublish(self, route: str, position: int) -> None: ...


@dataclass(frozen=True)
class Shown:
    """What a position leads to."""

    nonce: str  # of the job
    tunnels: tuple[Path, ...] = ()


def assigned(before: Mapping[int, str], ready: Collection[str]) -> dict[int, str]:
    """Position → which of the ready ones has it."""
    kept: dict[int, str] = {}
    for position in sorted(before):
        if before[position] in ready and before[position] not in kept.values():
            kept[position] = before[position]
    for one in ready:
        if one not in kept.values():
            kept[next(n for n in range(len(kept) + 1) if n not in kept)] = one
    if kept and 0 not in kept:
        kept[0] = kept.pop(max(kept))
    return kept


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
        self._shown: dict[str, dict[int, Shown]] = {}

    def restore(self, records: Iterable[ServiceRecord]) -> None:
        """Take over what is published, and compare it with the records."""
        for (route, position), tunnel in self._routes.published().items():
            shown = self._shown.setdefault(route, {})
            shown[position] = Shown(parse_socket(str(tunnel))[0])
        ready = {record.route: record for record in records if record.ready}
        for route in self._shown.keys() - ready.keys():
            self.forget(route)
        for record in ready.values():
            self.publish(record)
        self.refresh(ready.values())

    def withdraw(self, record: ServiceRecord) -> None:
        """Send no more requests to what is not ready; those that are left close up."""
        shown = self._nonces(record.route).values()
        self._rearrange(record, [one for one in record.ready if nonce_of(one.job.name) in shown])

    def publish(self, record: ServiceRecord) -> None:
        """Send requests to all that is ready."""
        self._rearrange(record, record.ready)

    def forget(self, route: str) -> None:
        for position in self._shown.pop(route, {}):
            self._routes.unpublish(route, position)

    def refresh(self, records: Iterable[ServiceRecord]) -> None:
        """Follow the tunnels of what is published, and heal what was removed."""
        published = [(route, number) for route, shown in self._shown.items() for number in shown]
        for route, number in self._routes.damaged(published):
            shown = self._shown[route]
            shown[number] = replace(shown[number], tunnels=())
        for record in records:
            jobs = {nonce_of(one.job.name): one.job for one in record.ready}
            for position, nonce in self._nonces(record.route).items():
                if nonce in jobs:
                    self._show(record.route, position, jobs[nonce])

    def _rearrange(self, record: ServiceRecord, ready: Iterable[Replica]) -> None:
        jobs = {nonce_of(one.job.name): one.job for one in ready}
        before = self._nonces(record.route)
        after = assigned(before, jobs.keys())
        for position, nonce in after.items():
            if before.get(position) != nonce:
                self._show(record.route, position, jobs[nonce])
        for position in before.keys() - after.keys():
            self._routes.unpublish(record.route, position)
            del self._shown[record.route][position]

    def _nonces(self, route: str) -> dict[int, str]:
        return {number: one.nonce for number, one in self._shown.get(route, {}).items()}

    def _show(self, route: str, position: int, job: Job) -> None:
        shown = self._shown.setdefault(route, {})
        sockets, before = self._sockets(job), shown.get(position)
        published = before.tunnels if before and before.nonce == nonce_of(job.name) else ()
        after = Shown(nonce_of(job.name), self._tunnels(job, sockets, published))
        if after != before:
            self._routes.publish(route, position, after.tunnels, sockets.quiet)
            shown[position] = after

    def _tunnels(self, job: Job, sockets: Sockets, published: tuple[Path, ...]) -> tuple[Path, ...]:
        if sockets.on_demand:
            return (self._tunnel(job, sockets, published),)
        up = tuple(one for one in sockets.clients if self._is_up(job, one))
        return up or (sockets.main,)

    def _tunnel(self, job: Job, sockets: Sockets, published: tuple[Path, ...]) -> Path:
        """The chosen one once it is up; until then the one that is published."""
        candidates = (sockets.clients[self._number(job)], *published)
        return next((one for one in candidates if self._is_up(job, one)), sockets.main)
