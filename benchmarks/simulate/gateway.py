"""The real controller, with its records and a store in memory, in front of simulated clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.simulate.cluster import ClusterJob
from benchmarks.simulate.cluster_effects import ClusterEffects
from benchmarks.simulate.given import MemoryStore, PublishedRoutes, SimulatedWaiters
from benchmarks.simulate.invariants import Invariants
from benchmarks.simulate.trace import HOUR
from benchmarks.simulate.world import World
from service_management.config import Catalogue, Service
from service_management.controller.config_watcher import CatalogueWatcher, Source
from service_management.controller.inbox import CatalogueLive, Happened, Inbox
from service_management.controller.job_spec import JobSpec
from service_management.controller.loop import Controller, Dependencies
from service_management.controller.records import Records
from service_management.controller.scaler import Scaler
from service_management.controller.snapshot import Snapshot
from service_management.controller.socket_paths import nonce_of, parse_socket, sockets
from service_management.gateway.inflight import InflightSampler, Sample
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle import events as ev
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase

KEY_DIR, RUN_DIR = Path("/keys"), Path("/run/simulated")
IDENTITY = "io"
QUIET = 10.0  # seconds between passes while nothing changes
URGENT = 0.5  # what just happened waits no longer
KILLED_EVERY = 5 * HOUR
ENDS_WITHIN = 4 * HOUR  # after everything was stopped


class Gateway:
    """`step`: seconds between passes while something changes."""

    def __init__(self, world: World, services: Mapping[str, Service], step: float) -> None:
        self._world, self._agenda, self._step = world, world.agenda, step
        self._services = services
        self._random = Random(1)
        self._store, self._routes = MemoryStore(), PublishedRoutes()
        clusters = {one.route: world.clusters[one.cluster] for one in world.trace.services}
        self._by_login = {
            JobSpec.of(service, KEY_DIR).login.id: clusters[route]
            for route, service in services.items()
        }
        self._jobs: dict[str, ClusterJob] = {}  # by nonce
        self._carrying: dict[str, dict[str, int]] = {}  # route → nonce → requests in flight
        self._tails: dict[str, tuple[int, float]] = {}  # nonce → requests left, until when
        self._pass_at = 0.0
        self.passes = self.kills = 0
        self.invariants = Invariants(world)
        self.invariants.watch_log()
        self._boot()

    # -- what the world tells

    def clients_changed(self, route: str) -> None:
        self._routes.changed.add(route)
        load = self._world.traffic.loads[route]
        if load.waiting and not load.replicas:
            self._inbox.put(Happened(route, ev.Demanded()))
            self._hurry()

    def job_changed(self, job: ClusterJob) -> None:
        assert job.service
        self._jobs[nonce_of(job.name)] = job
        self._routes.changed.add(job.service.route)
        self._recount()
        if not job.live:
            left, until = self._tails.pop(nonce_of(job.name), (0, 0.0))
            self._world.totals.cut += left if self._agenda.now < until else 0
        self.invariants.job_changed(job)

    def outage_changed(self, cluster: int) -> None:
        if not self._world.clusters[cluster].reachable:
            for route in self._routes_of(cluster):
                self._routes.changed.add(route)
                for replica in self._replicas(route):
                    self._effects.tunnels.pop(replica.job.name, None)
            self._recount()

    def _routes_of(self, cluster: int) -> list[str]:
        return [one.route for one in self._world.trace.services if one.cluster == cluster]

    def _replicas(self, route: str) -> tuple[Replica, ...]:
        record = self._records.get(route)
        return record.replicas if record else ()

    # -- its process

    def _boot(self) -> None:
        """From what is in the store."""
        clock = SteadyClock("", 0.0, lambda: self._agenda.now, lambda: self._agenda.now)
        snapshot, self._inbox = Snapshot(clock), Inbox()
        snapshot.waiters = SimulatedWaiters(self._world.traffic)
        scaler = Scaler(self._store.notes.get("scaling"))
        self._records = Records(IDENTITY, KEY_DIR, dict(self._store.records), scaler=scaler)
        self._records.configure(self._services)
        snapshot.services = self._records.services
        self._effects = ClusterEffects(
            self._world, self._random, self._put, self._by_login, self._tunnels_changed
        )
        source = Source(RUN_DIR / "absent", lambda _: [], lambda _: frozenset(), Catalogue.of([]))
        self._watcher = CatalogueWatcher(source, lambda _: None)
        self._controller = Controller(
            Dependencies(
                clock=clock,
                store=self._store,
                snapshot=snapshot,
                inbox=self._inbox,
                records=self._records,
                effects=self._effects,
                routes=self._routes,
                inflight=InflightSampler(self._sample),
                watcher=self._watcher,
                run_dir=RUN_DIR,
                last_request=lambda route, _since: self._world.traffic.loads[route].last_answer,
                open_since=lambda: None,
                longest_request=lambda route: self._world.traffic.loads[route].service.seconds,
            )
        )
        self._inbox.put(CatalogueLive(Catalogue.of(self._services.values())))

    def _kill(self) -> None:
        """Without a warning: what is under way is lost, or arrives later. The tunnels stay."""
        self.kills += 1
        self._watcher.close()
        before = self._effects
        before.alive = False
        self._boot()
        self._effects.tunnels, self._effects.ports = before.tunnels, before.ports

    def _put(self, item: Any) -> None:
        self._inbox.put(item)
        if isinstance(item, Happened) and not item.waits:
            self._hurry()

    def _hurry(self) -> None:
        self._pass_at = min(self._pass_at, self._agenda.now + URGENT)

    def _tunnels_changed(self, route: str) -> None:
        self._routes.changed.add(route)
        self._recount()
        self._hurry()

    # -- requests

    def _recount(self) -> None:
        """Which replicas take the requests of the routes that changed."""
        now = self._agenda.now
        while self._routes.changed:
            route = self._routes.changed.pop()
            before = self._carrying.get(route, {})
            shown = [
                parse_socket(str(path))[0] for path in self._routes.shown.get(route, {}).values()
            ]
            carrying = [nonce for nonce in dict.fromkeys(shown) if self._answers(nonce)]
            self._world.traffic.set_replicas(route, len(carrying))
            served = self._world.traffic.loads[route].served
            self._carrying[route] = _spread(served, carrying)
            seconds = self._world.traffic.loads[route].service.seconds
            for nonce in before.keys() - self._carrying[route].keys():
                if self._answers(nonce):  # what it has, it still answers
                    self._tails[nonce] = before[nonce], now + seconds
                else:
                    self._world.totals.cut += before[nonce]

    def _answers(self, nonce: str) -> bool:
        job = self._jobs.get(nonce)
        if job is None or not job.loaded(self._agenda.now):
            return False
        return self._effects.tunnels.get(job.name) == f"n{job.node}"

    def _sample(self) -> Sample:
        connected: dict[str, int] = {}
        listening = set()
        now = self._agenda.now
        for replica in self._records.replicas():
            if replica.job.name not in self._effects.tunnels:
                continue
            nonce = nonce_of(replica.job.name)
            left, until = self._tails.get(nonce, (0, 0.0))
            carried = self._carrying.get(replica.route, {}).get(nonce, 0)
            path = str(sockets(RUN_DIR, replica.job).main)
            connected[path] = carried + (left if now < until else 0)
            listening.add(path)
        return Sample(connected, frozenset(listening), known=True)

    # -- the loop

    def run(self) -> None:
        end, kill_at = self._world.trace.end, self._agenda.now + KILLED_EVERY
        self._run_until(min(end, kill_at))
        while self._agenda.now < end:
            self._kill()
            kill_at += KILLED_EVERY
            self._run_until(min(end, kill_at))

    def end_everything(self) -> None:
        """Every service is disabled: what was submitted must end."""
        for route in self._services:
            self._inbox.put(Happened(route, ev.DisableAsked()))
        end = self._agenda.now + ENDS_WITHIN
        while self._agenda.now < end and (self._records.active() or self._ours_left()):
            self._run_until(self._agenda.now + 60)
        self.invariants.ended(self._records)

    def _ours_left(self) -> bool:
        return any(cluster.ours for cluster in self._world.clusters)

    def _run_until(self, end: float) -> None:
        while self._agenda.now < end:
            self._pass()
            while self._agenda.now < min(self._pass_at, end):
                self._agenda.run_until(min(self._pass_at, end, self._agenda.next_at))

    def _pass(self) -> None:
        self.passes += 1
        now = self._agenda.now
        self._controller.step(self._inbox.take(0))
        self._recount()
        self.invariants.passed(self._records, self._routes.shown, now)
        replicas = self._records.replicas()
        changing = self._world.traffic.waiting or any(
            one.phase is not Phase.READY or one.retiring for one in replicas
        )
        self._pass_at = now + (self._step if changing else QUIET)


def _spread(requests: int, nonces: Sequence[str]) -> dict[str, int]:
    if not nonces:
        return {}
    each, more = divmod(requests, len(nonces))
    return {nonce: each + (number < more) for number, nonce in enumerate(nonces)}
