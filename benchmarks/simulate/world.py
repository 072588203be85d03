"""The clusters and the clients of one run: the same for everyone who starts the jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Protocol

from benchmarks.simulate.agenda import Agenda
from benchmarks.simulate.cluster import Cluster, ClusterJob
from benchmarks.simulate.trace import MONDAY, Outage, Session, Trace
from benchmarks.simulate.traffic import ServiceLoad, Totals, Traffic

SAMPLE_EVERY = 600.0  # seconds


class Starter(Protocol):
    """Who starts the jobs."""

    def clients_changed(self, route: str) -> None: ...
    def job_changed(self, job: ClusterJob) -> None: ...
    def outage_changed(self, cluster: int) -> None: ...
    def run(self) -> None:
        """To the end of the trace."""


@dataclass(frozen=True)
class Sampled:
    """At one moment, of all services."""

    at: float
    running: int  # GPUs that the jobs have
    needed: int


@dataclass
class World:
    trace: Trace
    say: Callable[[str], None] = lambda _: None
    agenda: Agenda = field(default_factory=lambda: Agenda(MONDAY))
    samples: list[Sampled] = field(default_factory=list)
    starter: Starter = field(init=False)

    def __post_init__(self) -> None:
        self.traffic = Traffic(self.agenda)
        self.clusters = [
            Cluster(number, self.agenda, Random(number), self._job_changed)
            for number in range(self.trace.clusters)
        ]
        for service in self.trace.services:
            self.traffic.loads[service.route] = ServiceLoad(service, changed_at=MONDAY)
        for session in self.trace.sessions:
            self.agenda.at(session.start, partial(self._begin, session))
        for outage in self.trace.outages:
            self.agenda.at(outage.start, partial(self._outage, outage))
        for other in self.trace.others:
            submit = partial(self.clusters[other.cluster].submit_other, other)
            self.agenda.at(other.start, submit)
        self.agenda.at(MONDAY + SAMPLE_EVERY, self._sample)

    @property
    def totals(self) -> Totals:
        return self.traffic.totals

    @property
    def gpu_seconds(self) -> float:
        """Of the jobs of the services, those that still run included."""
        now = self.agenda.now
        return sum(
            cluster.gpu_seconds
            + sum(now - job.started_at for job in cluster.ours.values() if job.node >= 0)
            for cluster in self.clusters
        )

    def _job_changed(self, job: ClusterJob) -> None:
        self.starter.job_changed(job)

    def _begin(self, session: Session) -> None:
        self._add(session.route, session.clients)
        end = min(session.end, self.trace.end)
        self.agenda.at(end, partial(self._add, session.route, -session.clients))

    def _add(self, route: str, clients: int) -> None:
        self.traffic.add_clients(route, clients)
        self.starter.clients_changed(route)

    def _outage(self, outage: Outage) -> None:
        self.clusters[outage.cluster].begin_outage(outage)
        self.starter.outage_changed(outage.cluster)
        self.agenda.at(outage.end, partial(self.starter.outage_changed, outage.cluster))

    def _sample(self) -> None:
        loads, now = self.traffic.loads, self.agenda.now
        needed = sum(loads[route].needed for route in self.traffic.used)
        running = sum(cluster.running for cluster in self.clusters)
        self.samples.append(Sampled(now, running, needed))
        if len(self.samples) % 36 == 0:
            day = (now - MONDAY) / 86400
            self.say(f"day {day:.2f}: {running} GPUs in use, {needed} needed")
        if now + SAMPLE_EVERY <= self.trace.end:
            self.agenda.after(SAMPLE_EVERY, self._sample)
