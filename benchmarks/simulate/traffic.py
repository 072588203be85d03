"""The clients of each service: who waits, who is answered, and for how long.

A client sends its next request as soon as the last one is answered, and then leaves. So the load
is a number of clients; what changes it is a session that begins or ends, or a replica.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from benchmarks.simulate.agenda import Agenda
from benchmarks.simulate.trace import SimulatedService


@dataclass
class Totals:
    requests: float = 0.0
    delayed: float = 0.0  # requests that waited for a replica, or for a place at one
    cut: float = 0.0  # requests that were in flight when their replica ended
    waiting: float = 0.0  # seconds, summed over the clients
    present: float = 0.0  # the same of all clients, waiting or not
    needed: float = 0.0  # GPU seconds in which a replica had a request


@dataclass
class ServiceLoad:
    service: SimulatedService
    clients: int = 0
    replicas: int = 0  # that take requests
    changed_at: float = 0.0
    last_answer: float = 0.0

    @property
    def served(self) -> int:
        return min(self.clients, self.replicas * self.service.target)

    @property
    def waiting(self) -> int:
        return self.clients - self.served

    @property
    def needed(self) -> int:
        """Replicas."""
        return min(self.service.most, math.ceil(self.clients / self.service.target))


@dataclass
class Traffic:
    agenda: Agenda
    totals: Totals = field(default_factory=Totals)
    loads: dict[str, ServiceLoad] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)  # routes
    used: set[str] = field(default_factory=set)  # routes with clients

    def add_clients(self, route: str, number: int) -> None:
        load = self.loads[route]
        self._change(load, load.clients + number, load.replicas)

    def set_replicas(self, route: str, number: int) -> None:
        load = self.loads[route]
        if number != load.replicas:
            self._change(load, load.clients, number)

    def settle(self) -> None:
        """Account for the time up to now."""
        for load in self.loads.values():
            self._account(load)

    def _change(self, load: ServiceLoad, clients: int, replicas: int) -> None:
        self._account(load)
        before = load.waiting
        load.clients, load.replicas = clients, replicas
        self.totals.delayed += max(0, load.waiting - before)
        route = load.service.route
        (self.waiting.add if load.waiting else self.waiting.discard)(route)
        (self.used.add if clients else self.used.discard)(route)

    def _account(self, load: ServiceLoad) -> None:
        now, totals = self.agenda.now, self.totals
        seconds, load.changed_at = now - load.changed_at, now
        if not load.clients or not seconds:
            return
        answered = load.served * seconds / load.service.seconds
        totals.requests += answered
        if load.waiting:
            totals.delayed += answered
        totals.waiting += load.waiting * seconds
        totals.present += load.clients * seconds
        totals.needed += math.ceil(load.served / load.service.target) * seconds
        if load.served:
            load.last_answer = now
