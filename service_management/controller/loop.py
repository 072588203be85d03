"""The controller: one thread that alone changes lifecycle state.

A pass processes what arrived, looks at the clock and at the requests in flight, decides, commits
what was decided, and only then acts. In this order a crash at any point loses nothing: an intent
is in the store before `sbatch` runs, and any action that was not started is derived from the
records again by the next pass, or the next process.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from service_management.config import MOST_CONNECTIONS
from service_management.controller.balancing import ConnectionBalancer
from service_management.controller.config_watcher import CatalogueWatcher
from service_management.controller.effects import Effects
from service_management.controller.inbox import (
    ClosesUnannounced,
    ConnectionRefused,
    Happened,
    Inbox,
    Item,
    ScaleAsked,
    Suspected,
)
from service_management.controller.isolation import Isolation
from service_management.controller.polling import Polling
from service_management.controller.port_conflicts import port_holders, without_tunnel
from service_management.controller.publishing import RoutePublisher, Routes
from service_management.controller.reconcile import Reconciler
from service_management.controller.records import Changes, Records, RecordStore
from service_management.controller.scaler import Scale
from service_management.controller.snapshot import Snapshot
from service_management.controller.socket_paths import sockets
from service_management.gateway.inflight import InflightSampler
from service_management.host.steady_clock import SteadyClock
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Action, Submit, required_actions
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.intervals import (
    PASS_BUSY,
    PASS_PAUSE,
    PASS_QUIET,
    PASS_STEADY,
    SCALING_SAVE,
)
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase, State

_LOG = structlog.get_logger(__name__)
_UNDER_WAY = (State.QUEUED, State.STARTING, State.READY)


@dataclass(frozen=True)
class Dependencies:
    """Everything outside that the controller uses."""

    clock: SteadyClock
    store: RecordStore
    snapshot: Snapshot
    inbox: Inbox
    records: Records
    effects: Effects
    routes: Routes
    inflight: InflightSampler
    watcher: CatalogueWatcher
    run_dir: Path
    # When the last request of a route ended, from nginx's log; None until the log has been read
    # up to the given time.
    last_request: Callable[[str, float], float | None]
    longest_request: Callable[[str], float | None]  # as a route's usually are; None: not known
    open_since: Callable[[], float | None]  # when nginx began to take requests; None: it does not
    most_connections: int = MOST_CONNECTIONS  # of a login; 1 where further ones are no gain


class Controller:
    def __init__(self, uses: Dependencies) -> None:
        self._uses, self._clock = uses, uses.clock.now
        self._records, self._snapshot, self._inbox = uses.records, uses.snapshot, uses.inbox
        self._effects, self._inflight = uses.effects, uses.inflight
        self._balancer = ConnectionBalancer(self._most_connections)
        self._publisher = RoutePublisher(
            uses.routes,
            lambda job: sockets(uses.run_dir, job),
            uses.effects.tunnel_is_up,
            self._balancer.number,
        )
        self._polling = Polling()
        self._reconciler = Reconciler(
            uses.records, uses.effects, uses.snapshot, uses.store, self._polling
        )
        self._stopped, self._ended = threading.Event(), threading.Event()
        self._arrived: deque[Item] = deque()
        self._done: list[tuple[str, threading.Event]] = []
        self._acting = Isolation("an action of a service could not be started")
        self._began = 0.0
        self._restored = False
        self._scaling_saved_at, self._saved_scaling = -math.inf, dict[str, Any]()

    # -- what others may call -------------------------------------------------------

    def post(self, route: str, event: ev.Event) -> None:
        self._inbox.put(Happened(route, event))

    def demanded(self, route: str, request_id: str = "") -> None:
        """A mirrored request. If it can only reset the idle timer, leave it for the next pass: the
        demand of a busy service must not cost a pass each time."""
        record = self._snapshot.records.get(route)
        waits = record is not None and record.state in _UNDER_WAY
        self._inbox.put(Happened(route, ev.Demanded(request_id), waits=waits))

    def ask(self, route: str, event: ev.Event, timeout: float = 5.0) -> bool:
        """Post, and wait until the decision is committed and visible in the snapshot."""
        done = threading.Event()
        self._inbox.put(Happened(route, event, done))
        return done.wait(timeout)

    def scale(self, route: str, numbers: Mapping[str, int], timeout: float = 5.0) -> bool:
        """Ask for other numbers of replicas than the file has, and wait until that is stored."""
        done = threading.Event()
        self._inbox.put(ScaleAsked(route, numbers, done))
        return done.wait(timeout)

    def suspect(self, route: str) -> None:
        """A ready service could not be reached: check its health now."""
        self._inbox.put(Suspected(route))

    def stop(self, patience: float = 5.0) -> None:
        """Stop deciding, after the pass under way. Jobs, tunnels and routes stay: the next
        process takes them over."""
        self._stopped.set()
        self._inbox.wake()
        self._ended.wait(patience)

    # -- the loop -------------------------------------------------------------------

    def run(self) -> None:
        while not self._stopped.wait(PASS_PAUSE):
            try:
                self.step(self._inbox.take(self._patience()))
            except Exception:
                # The next pass starts from the same records. A controller that ended here would
                # leave every job running and every request held.
                _LOG.exception("a pass of the controller failed")
                self._stopped.wait(1.0)
        self._ended.set()

    def step(self, items: Iterable[Item]) -> None:
        """One pass.

        1. Items first, in order of arrival: a request that has arrived counts before idleness does.
        2. Then the plan of each service that something happened to or that is due, with the
           requests in flight: it sees what the items have changed.
        3. Commit, which also acts: see `_commit` for its order.
        4. Ask the logins last. An answer of squeue is compared with the records as of this pass, so
           it must not be older than they are.
        5. Start what was collected for one call.
        """
        now = self._clock()
        self._arrived += items
        if not self._restored:
            self._restore(now)
        while self._arrived:  # an item that fails is not tried again, and does not cost the others
            self._process(self._arrived.popleft(), now)
        self._reconciler.apply_pending_catalogue(now)
        self._uses.watcher.look(now)
        self._plan(now)
        self._commit_or_put_back(self._records.take_changes(), now)
        self._save_scaling(now)
        abandoned = (job for _route, job in self._records.abandoned())
        for login in self._polling.due(self._records.replicas(), now, abandoned):
            self._effects.poll_queue(login, now)
        for replica in self._polling.single(self._records.replicas(), now):
            self._effects.look_at_job(replica.route, replica.job)
        self._effects.flush()
        self._snapshot.pass_completed(now)

    def _restore(self, now: float) -> None:
        """Take over. Nothing is idle before the log of the downtime has been read."""
        self._began = now
        since = self._uses.open_since()  # a file's time, by the wall clock
        if since is not None:
            since -= self._uses.clock.ahead()
        for record in self._records.active():
            resumed = ev.Resumed(now if since is None else min(since, now))
            self._records.apply_safely(record.route, resumed, now)
        self._publisher.restore(self._records.all())
        self._show({record.route: record for record in self._records.all()}, set())
        self._restored = True

    def _patience(self) -> float:
        phases = {one.phase for one in self._records.replicas()}
        if phases - {Phase.READY}:
            return PASS_BUSY
        return PASS_STEADY if phases else PASS_QUIET

    def _process(self, item: Item, now: float) -> None:
        if isinstance(item, ClosesUnannounced):
            self._uses.watcher.stop_reusing(item.route)
            return
        if isinstance(item, ScaleAsked):
            if self._uses.watcher.scale(item.route, item.numbers):
                item.done.set()
            return
        if isinstance(item, ConnectionRefused):
            self._balancer.refused((item.login_id, item.number), now)
            return
        if not isinstance(item, Happened):
            self._reconciler.process(item, now)
            return
        applied = self._records.apply_safely(item.route, item.event, now)
        if isinstance(item.event, ev.Submitted):
            self._polling.learned[item.event.job_name] = now
        if item.done and applied:
            self._done.append((item.route, item.done))

    # -- time -----------------------------------------------------------------------

    def _plan(self, now: float) -> None:
        self._records.follow_schedules(self._uses.clock.wall())
        fresh = self._inflight.refresh(now)
        if fresh:
            jobs = [one.job for one in self._records.replicas()]
            self._effects.close_tunnels_except(jobs, self._inflight.sample.listening, now)
            self._balance(now)
            self._publisher.refresh(self._records.active())
        due = self._due(fresh)
        for route in due | self._records.touched():
            seen = self._seen(route, now) if route in due else None
            longest = self._uses.longest_request(route)
            if not self._records.plan_safely(route, seen, now, longest):
                self._done = [waits for waits in self._done if waits[0] != route]

    def _balance(self, now: float) -> None:
        replicas, sample = self._records.replicas(), self._inflight.sample
        if not sample.known:
            return
        for replica, number in self._balancer.balance(replicas, sample, now):
            self._effects.open_further_tunnel(replica, number)
        if self._snapshot.version:  # before the configuration is known, no login is unneeded
            jobs = [*(one.job for one in replicas), *(job for _, job in self._records.abandoned())]
            needed = self._polling.needed(jobs) | self._balancer.needed(replicas, now)
            self._effects.close_connections_except(needed, now)

    def _most_connections(self, route: str) -> int:
        service = self._records.service(route)
        return min(service.max_ssh_connections, self._uses.most_connections) if service else 1

    def _seen(self, route: str, now: float) -> Seen:
        waiters, record = self._snapshot.waiters, self._records.get(route)
        return Seen(
            {one.slot: self._in_flight(one) for one in record.replicas} if record else {},
            waiters.held(route),
            self._uses.last_request(route, self._began),
            waiters.watched(route, now),
        )

    def _due(self, fresh: bool) -> set[str]:
        """Services with a ready or draining replica are looked at only with a new sample of the
        requests in flight: one that is older than the end of routing cannot show a request that
        slipped in. The others may need an action at any time."""
        active = self._records.active()
        due = {one.route for one in active if fresh or not _routed_once(one)}
        wanted = self._records.always_on.union(self._snapshot.waiters.routes())
        records = map(self._records.get, wanted)
        return due | {record.route for record in records if record and not record.active}

    def _in_flight(self, replica: Replica) -> int | None:
        if not replica.job.node:
            return 0
        return self._inflight.inflight(*sockets(self._uses.run_dir, replica.job).clients)

    # -- commit, then act -----------------------------------------------------------

    def _commit_or_put_back(self, changes: Changes, now: float) -> None:
        """A disk that is full now must not lose what was decided."""
        try:
            self._commit(changes, now)
        except Exception:
            self._records.put_back(changes)
            raise

    def _commit(self, changes: Changes, now: float) -> None:
        """The order is what makes a crash harmless:

        1. Unpublish first: no request may go where the decision says that none should.
        2. Store: an intent to submit is on disk before `sbatch` can run.
        3. Log, once: the entries are dropped, so that a pass repeated from here repeats no line.
        4. Publish only what the store calls ready, and before it is shown: a held request that is
           woken finds its route.
        5. Show the records, and wake the requests that wait for them.
        6. Act. An action that is lost from here on follows from the record again; a submission is
           looked for by its name.
        7. Release the threads that asked: their decision is committed and visible.
        """
        self._unpublish(changes)
        durable = [record for route, record in changes.records.items() if route in changes.durable]
        if durable or changes.forgotten or changes.entries:
            self._uses.store.save(durable, changes.forgotten, changes.entries)
        for entry in changes.entries:
            _LOG.info(entry.summary, route=entry.route, state=entry.state, reason=entry.reason)
        changes.entries.clear()
        for record in changes.records.values():
            self._publisher.publish(record)
        self._show(changes.records, changes.forgotten)
        self._act(changes, now)
        for _route, done in self._done:
            done.set()
        self._done.clear()

    def _save_scaling(self, now: float) -> None:
        """What a restart must not forget. A minute of it may be lost: after a restart no service
        loses a replica for a minute."""
        if now - self._scaling_saved_at < SCALING_SAVE:
            return
        self._scaling_saved_at = now
        if (scaling := self._records.scaler.to_json()) != self._saved_scaling:
            self._uses.store.note("scaling", scaling)
            self._saved_scaling = scaling

    def _unpublish(self, changes: Changes) -> None:
        for record in changes.records.values():
            self._publisher.withdraw(record)
        for route in changes.forgotten:
            self._publisher.forget(route)

    def _show(self, changed: dict[str, ServiceRecord], forgotten: set[str]) -> None:
        self._snapshot.replace(changed, forgotten)
        replicas = self._records.replicas()
        self._snapshot.inflight = {one.job.name: self._in_flight(one) for one in replicas}
        self._snapshot.scales = self._scales()
        self._snapshot.trouble = self._polling.troubles(self._records.specs, replicas)
        self._effects.forget_jobs_except({one.job.name for one in replicas})

    def _scales(self) -> dict[str, Scale]:
        """Of services that have a replica, or should have one."""
        kept = map(self._records.get, self._records.always_on)
        records = {one.route: one for one in (*self._records.active(), *filter(None, kept))}
        return {route: self._records.scale(record) for route, record in records.items()}

    def _act(self, changes: Changes, now: float) -> None:
        """Not repeated: an action that could not be started follows from the record again."""
        held = port_holders(self._records.replicas())
        records = map(self._records.get, changes.touched)
        for replica in (one for record in records if record for one in record.replicas):
            job, actions = replica.job, required_actions(replica)
            if job.name in changes.submissions:
                actions = (Submit(job), *actions)
            for action in without_tunnel(actions, held[job.name]) if job.name in held else actions:
                self._start(replica, action, now)

    def _start(self, replica: Replica, action: Action, now: float) -> None:
        start = partial(self._effects.start, replica, action, now)
        self._acting.attempt(replica.route, start)


def _routed_once(record: ServiceRecord) -> bool:
    return any(one.phase in (Phase.READY, Phase.DRAINING) for one in record.replicas)
