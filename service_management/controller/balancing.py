"""Which SSH connection of a login carries a job's next requests (`ssh_connections: "auto"`).

ssh looks at every channel of a connection at every event: beside 1,000 open streams it carries a
quarter of the small requests. So services leave a crowded connection. At each look at the sockets,
for each ready replica that had requests in the last minutes:

1. Its connection has at most CROWDED channels: stay. A service that has more requests in flight
   itself (streams, most likely) stays up to FULL: it would crowd one connection after the other.
2. A service with few requests moves to the emptiest connection, and to a new one if all are
   crowded. One with many joins the fullest of the crowded ones that are not full, or opens another.
3. At the limit of connections: move to the emptiest, if it has less than half as many channels.

Requests that are in flight stay where they are; new ones follow as soon as nginx renews the
connections that it keeps open, within seconds. A further connection that has carried nothing for
KEPT seconds is given up. One that the site refuses is not tried again for REFUSED_FOR seconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from service_management.controller.job_spec import spec_of
from service_management.controller.polling import login_of
from service_management.controller.socket_paths import nonce_of, parse_socket
from service_management.gateway.inflight import Sample
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase

CROWDED = 128  # channels; beside so many idle ones a connection carries four fifths of its best
FULL = 512
KEPT = 300.0  # seconds
REFUSED_FOR = 3600.0
FOLLOWING = 16  # requests of a service that are expected to follow it; others may be streams

Connection = tuple[str, int]  # login id, number


def choose(current: int, channels: Sequence[int], most: int, *, many: bool = False) -> int:
    """`channels`: how many each connection has; `many`: the service has many requests in flight.
    May return the number of one more connection."""
    emptiest = min(range(len(channels)), key=channels.__getitem__)
    if current >= len(channels):
        return emptiest
    if channels[current] <= (FULL if many else CROWDED):
        return current
    if many:
        joinable = [n for n, count in enumerate(channels) if CROWDED < count <= FULL]
        if joinable:
            return max(joinable, key=channels.__getitem__)
    if len(channels) < most and (many or channels[emptiest] > CROWDED):
        return len(channels)
    return emptiest if channels[emptiest] * 2 < channels[current] else current


@dataclass
class Load:
    """What the SSH connections carry."""

    channels: dict[str, list[int]] = field(default_factory=dict)  # login id → of each connection
    in_flight: Counter[str] = field(default_factory=Counter)  # job name → requests
    carrying: set[Connection] = field(default_factory=set)  # further ones with requests

    @classmethod
    def of(cls, replicas: Iterable[Replica], sample: Sample) -> Load:
        load = cls()
        jobs = {nonce_of(r.job.name): (r.job.name, login_of(r).id) for r in replicas}
        for path, count in sample.connected.items():
            load._add(jobs, path, count, count)
        for path in sample.listening:  # a listener is a channel, too
            load._add(jobs, path, 1, 0)
        return load

    def _add(self, jobs: dict[str, tuple[str, str]], path: str, count: int, requests: int) -> None:
        nonce, number = parse_socket(path)
        if nonce not in jobs:
            return
        name, login_id = jobs[nonce]
        channels = self.channels.setdefault(login_id, [0])
        _extend(channels, number)
        channels[number] += count
        self.in_flight[name] += requests
        if requests and number:
            self.carrying.add((login_id, number))


@dataclass
class ConnectionBalancer:
    """`most`: how many connections a route may use."""

    most: Callable[[str], int]
    _numbers: dict[str, int] = field(default_factory=dict)  # job name → its connection
    _used: dict[Connection, float] = field(default_factory=dict)  # when it last carried something
    _busy_at: dict[str, float] = field(default_factory=dict)  # job name → its last requests
    _refused: dict[str, tuple[int, float]] = field(default_factory=dict)  # login id → number, until

    def number(self, job: Job) -> int:
        return self._numbers.get(job.name, 0)

    def balance(
        self, replicas: Sequence[Replica], sample: Sample, now: float
    ) -> list[tuple[Replica, int]]:
        """The replicas whose next requests go to a further connection, with its number."""
        load = Load.of(replicas, sample)
        self._used |= dict.fromkeys(load.carrying, now)
        before, self._numbers = self._numbers, {}
        names = {one.job.name for one in replicas}
        self._busy_at = {name: at for name, at in self._busy_at.items() if name in names}
        for one in replicas:
            if one.phase is not Phase.READY or spec_of(one.job).ssh_connections:
                continue
            if number := self._place(one, before.get(one.job.name, 0), load, now):
                self._numbers[one.job.name] = number
        return [(one, number) for one in replicas if (number := self.number(one.job))]

    def needed(self, replicas: Iterable[Replica], now: float) -> set[Connection]:
        """The further connections that jobs were submitted with, and those in use."""
        self._used = {one: at for one, at in self._used.items() if now - at < KEPT}
        return self._used.keys() | {
            (login_of(replica).id, number)
            for replica in replicas
            for number in range(1, spec_of(replica.job).ssh_connections)
        }

    def refused(self, connection: Connection, now: float) -> None:
        """The login did not open it."""
        login_id, number = connection
        self._refused[login_id] = number, now + REFUSED_FOR

    def _place(self, replica: Replica, current: int, load: Load, now: float) -> int:
        job = replica.job
        login_id, requests = login_of(replica).id, load.in_flight[job.name]
        if (login_id, current) not in self._used:
            current = 0  # given up, or unknown since a restart
        if requests:
            self._busy_at[job.name] = now
        if now - self._busy_at.get(job.name, -KEPT) >= KEPT:
            return current
        most = self._limit(replica.route, login_id, now)
        channels = load.channels.setdefault(login_id, [0])
        _extend(channels, current)  # its tunnel may not be open yet
        number = choose(current, channels[:most], most, many=requests > CROWDED)
        if number != current:
            # Counted at once, or all services of a crowded connection would go to the same one.
            _extend(channels, number)
            channels[number] += min(requests, FOLLOWING)
            self._used[login_id, number] = now
        return number

    def _limit(self, route: str, login_id: str, now: float) -> int:
        number, until = self._refused.get(login_id, (0, 0.0))
        return min(self.most(route), number) if now < until else self.most(route)


def _extend(channels: list[int], number: int) -> None:
    channels += [0] * (number + 1 - len(channels))
