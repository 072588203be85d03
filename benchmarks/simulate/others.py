"""What the product is compared with: two other ways to decide when jobs run, on the same clusters.

Both have it easier than the product: they know every job's state at once, lose no answer, and
notice no outage of a login. A job that has ended is submitted again at the next look.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.simulate.cluster import ClusterJob
from benchmarks.simulate.trace import SimulatedService, Trace
from benchmarks.simulate.world import World
from service_management.lifecycle.job_views import JobPhase

Wanted = Callable[[str, int], int]  # route, its ready replicas


@dataclass
class Direct:
    """`wanted` is asked every `step` seconds for each route that has clients or jobs."""

    world: World
    wanted: Wanted
    always: tuple[str, ...] = ()  # routes that are looked at all the time
    step: float = 5.0
    _jobs: dict[str, list[ClusterJob]] = field(default_factory=dict)

    def clients_changed(self, route: str) -> None: ...

    def outage_changed(self, cluster: int) -> None: ...

    def job_changed(self, job: ClusterJob) -> None:
        assert job.service
        route = job.service.route
        jobs = self._jobs.setdefault(route, [])
        if job.live and job not in jobs:
            jobs.append(job)
        elif not job.live and job in jobs:
            jobs.remove(job)
        before = self.world.traffic.loads[route]
        ready = self._ready(route)
        if ready < before.replicas and not job.live:
            self.world.totals.cut += before.served - min(before.served, ready * job.service.target)
        self.world.traffic.set_replicas(route, ready)

    def run(self) -> None:
        agenda, end = self.world.agenda, self.world.trace.end
        routes = {one.route: one for one in self.world.trace.services}
        while agenda.now < end:
            using = {route for route, jobs in self._jobs.items() if jobs}
            for route in sorted(using | self.world.traffic.used | set(self.always)):
                self._look(routes[route])
            agenda.run_until(min(end, agenda.now + self.step))

    def _look(self, service: SimulatedService) -> None:
        jobs, cluster = self._jobs.get(service.route, []), self.world.clusters[service.cluster]
        wanted = min(service.most, self.wanted(service.route, self._ready(service.route)))
        for _ in range(wanted - len(jobs)):
            cluster.sbatch(service.route, service)
        # Queued jobs first, the newest first.
        surplus = sorted(jobs, key=lambda job: (job.phase is JobPhase.RUNNING, -job.started_at))
        for job in surplus[: max(0, len(jobs) - wanted)]:
            cluster.scancel(job.id)

    def _ready(self, route: str) -> int:
        now = self.world.agenda.now
        return sum(job.loaded(now) for job in self._jobs.get(route, ()))


def always_on(world: World) -> Direct:
    """As many replicas as the busiest moment needs, all the time."""
    most = peaks(world.trace)
    return Direct(world, lambda route, _ready: most[route], tuple(most))


def peaks(trace: Trace) -> dict[str, int]:
    """By route, of those that are used: the replicas that the most clients at a time need."""
    services = {one.route: one for one in trace.services}
    changes: dict[str, list[tuple[float, int]]] = {}
    for session in trace.sessions:
        events = changes.setdefault(session.route, [])
        events += [(session.start, session.clients), (session.end, -session.clients)]
    found = {}
    for route, events in changes.items():
        now = most = 0
        for _at, clients in sorted(events):
            now += clients
            most = max(most, now)
        service = services[route]
        found[route] = min(service.most, math.ceil(most / service.target))
    return found


STABLE, PANIC, GRACE = 60.0, 6.0, 30.0  # seconds: Knative's defaults, as are those below
UTILISATION, PANIC_AT = 0.7, 2.0


@dataclass
class Knative:
    """The rules of Knative's autoscaler (KPA) with its defaults: the mean load of a minute over 70
    per cent of the target; that of six seconds where it needs twice what is ready; at most half
    less at a time; none after a minute and a grace period without a request."""

    world: World
    _loads: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)
    _panic: dict[str, tuple[float, int]] = field(default_factory=dict)  # since, most pods
    _used_at: dict[str, float] = field(default_factory=dict)

    def wanted(self, route: str, ready: int) -> int:
        load, now = self.world.traffic.loads[route], self.world.agenda.now
        samples = self._loads.setdefault(route, deque())
        samples.append((now, load.clients))
        while samples[0][0] <= now - STABLE:
            samples.popleft()
        if load.clients:
            self._used_at[route] = now
        if now - self._used_at.get(route, -math.inf) >= STABLE + GRACE:
            return load.service.least
        target = load.service.target * UTILISATION
        stable = self._needed(samples, now - STABLE, target)
        panic = self._needed(samples, now - PANIC, target)
        return max(1, load.service.least, self._decided(route, ready, stable, panic))

    def _needed(self, samples: deque[tuple[float, int]], since: float, target: float) -> int:
        loads = [load for at, load in samples if at > since]
        return math.ceil(sum(loads) / len(loads) / target)

    def _decided(self, route: str, ready: int, stable: int, panic: int) -> int:
        now = self.world.agenda.now
        stable = max(stable, ready // 2)
        since, most = self._panic.get(route, (-math.inf, 0))
        if panic >= PANIC_AT * max(1, ready):
            since = now
        if now - since >= STABLE:
            self._panic.pop(route, None)
            return stable
        self._panic[route] = since, max(most, panic, stable)
        return self._panic[route][1]


def knative(world: World) -> Direct:
    kept = tuple(one.route for one in world.trace.services if one.least)
    return Direct(world, Knative(world).wanted, kept)
