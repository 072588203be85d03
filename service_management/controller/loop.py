"""The controller: one thread that alone changes lifecycle state.

A pass takes what arrived, looks at the clock and at the traffic, decides, writes down
what was decided, and only then acts. In this order a crash at any point loses nothing:
an intent is in the store before `sbatch` runs, and whatever was not done is a duty that
the next pass, or the next process, finds again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import structlog

from service_management.controller.duties import Duties
from service_management.controller.inbox import Happened, Item, Suspected
from service_management.controller.polling import Polling
from service_management.controller.publishing import RoutePublisher
from service_management.controller.reconcile import Reconciler
from service_management.controller.records import Changes
from service_management.controller.world import Dependencies
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import routed
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State

_LOG = structlog.get_logger(__name__)
_UNDER_WAY = (State.QUEUED, State.STARTING, State.READY)
BUSY, STEADY, QUIET = 0.1, 0.2, 0.5  # longest wait for the next pass, seconds


class Controller:
    def __init__(
        self, world: Dependencies, identity: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._board, self._inbox = world.store, world.board, world.inbox
        self._ledger, self._effects = world.ledger, world.effects
        self._traffic, self._watcher = world.traffic, world.watcher
        self._duties = Duties(world.effects, world.traffic)
        self._routes = RoutePublisher(world.routes, world.effects.sockets, self._duties.stands)
        self._heard, self._open_since = world.heard, world.open_since
        self._clock, self._began = clock, 0.0
        self._polling = Polling()
        self._intake = Reconciler(world, self._polling, identity)
        self._stopped, self._ended = threading.Event(), threading.Event()
        self._arrived: deque[Item] = deque()
        self._done: list[threading.Event] = []
        self._restored = False

    # -- what others may call -------------------------------------------------------

    def post(self, route: str, event: ev.Event) -> None:
        self._inbox.put(Happened(route, event))

    def demanded(self, route: str, request_id: str = "") -> None:
        """Somebody asked whom nginx does not keep waiting. Where that only resets a timer, a busy
        service's demand must not cost a pass each time."""
        record = self._board.records.get(route)
        waits = record is not None and record.state in _UNDER_WAY
        self._inbox.put(Happened(route, ev.Demanded(request_id), waits=waits))

    def ask(self, route: str, event: ev.Event, timeout: float = 5.0) -> bool:
        """Post, and wait until the decision is committed and visible on the board."""
        done = threading.Event()
        self._inbox.put(Happened(route, event, done))
        return done.wait(timeout)

    def suspect(self, route: str) -> None:
        """A ready service could not be reached: have its health checked now."""
        self._inbox.put(Suspected(route))

    def stop(self, patience: float = 5.0) -> None:
        """Stop deciding, after the pass under way. Jobs, tunnels and routes stay: the next
        process takes them over."""
        self._stopped.set()
        self._inbox.wake()
        self._ended.wait(patience)

    # -- the loop -------------------------------------------------------------------

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._restored:
                    self._restore()
                self.step(self._inbox.take(self._patience()))
            except Exception:
                # The next pass starts from the same records: better late than never again.
                _LOG.exception("a pass of the controller failed")
                self._stopped.wait(1.0)
        self._ended.set()

    def step(self, items: Iterable[Item]) -> None:
        now = self._clock()
        self._arrived += items
        while self._arrived:  # one that fails is not taken again, and does not cost the others
            self._take(self._arrived.popleft(), now)
        self._watcher.look(now)
        self._tick(now)
        self._commit_or_keep(self._ledger.take(), now)
        self._ask_slurm(now)
        self._board.beat = now

    def _restore(self) -> None:
        """Take over. Nothing is idle before the log of the downtime has been read."""
        now = self._began = self._clock()
        since = self._open_since()
        for record in self._ledger.active():
            resumed = ev.Resumed(now if since is None else min(since, now))
            self._ledger.apply(record.route, resumed, now)
        ready = {route for route, record in self._ledger.records.items() if routed(record)}
        for route in self._routes.published() - ready:
            self._routes.unpublish(route)
        for route in ready:
            self._routes.publish(self._ledger.records[route])
        self._show()
        self._restored = True

    def _patience(self) -> float:
        states = {record.state for record in self._ledger.active()}
        if states & {State.QUEUED, State.STARTING, State.DRAINING}:
            return BUSY
        return STEADY if states else QUIET

    # -- what arrived ---------------------------------------------------------------

    def _take(self, item: Item, now: float) -> None:
        if isinstance(item, Happened):
            self._ledger.apply(item.route, item.event, now)
            if isinstance(item.event, ev.Submitted):
                self._polling.learned[item.event.job_name] = now
            if item.done:
                self._done.append(item.done)
        else:
            self._intake.take(item, now)

    # -- time -----------------------------------------------------------------------

    def _tick(self, now: float) -> None:
        fresh = self._traffic.refresh(now)
        if fresh:
            jobs = [record.job for record in self._ledger.active() if record.job]
            self._effects.close_all_but(jobs, self._traffic.sample.listening)
            self._routes.refresh(self._ledger.active())
        for record in self._due(fresh):
            self._ledger.attempt(record.route, self._ticked(record), now)

    def _ticked(self, record: Record) -> ev.Ticked:
        held = self._board.held(record.route)
        return ev.Ticked(self._inflight(record), held, self._heard(record.route, self._began))

    def _due(self, fresh: bool) -> list[Record]:
        """Ready and draining services have news only with a new sample: one that is older than
        the end of routing cannot tell who slipped in. Others may be owed something."""
        routed_once = (State.READY, State.DRAINING)
        active = [r for r in self._ledger.active() if fresh or r.state not in routed_once]
        wanted = self._ledger.always_on.union(self._board.asked())
        records = map(self._ledger.records.get, wanted)
        return active + [record for record in records if record and not record.active]

    def _inflight(self, record: Record) -> int | None:
        if record.job is None or not record.job.node:
            return 0
        return self._traffic.inflight(*self._effects.sockets(record.job).clients)

    # -- commit, then act -----------------------------------------------------------

    def _commit_or_keep(self, changes: Changes, now: float) -> None:
        """A disk that is full today must not make us forget what was decided."""
        try:
            self._commit(changes, now)
        except Exception:
            self._ledger.give_back(changes)
            raise

    def _commit(self, changes: Changes, now: float) -> None:
        self._unroute(changes)
        durable = [record for route, record in changes.records.items() if route in changes.durable]
        if durable or changes.forgotten or changes.entries:
            self._store.save(durable, changes.forgotten, changes.entries)
        for entry in changes.entries:
            _LOG.info(entry.text, route=entry.route, state=entry.state, reason=entry.reason)
        changes.entries.clear()  # written once, whatever fails below and is tried again
        for record in changes.records.values():
            if routed(record) and self._was(record.route) is not State.READY:
                self._routes.publish(record)
        self._show(changes)
        self._duties.act(self._ledger.records, changes.actions, now)
        for done in self._done:
            done.set()
        self._done.clear()

    def _unroute(self, changes: Changes) -> None:
        """First of all: no request goes where the decision says none should."""
        for route, record in changes.records.items():
            if not routed(record) and self._was(route) is State.READY:
                self._routes.unpublish(route)
        for route in changes.forgotten:
            self._routes.unpublish(route)

    def _was(self, route: str) -> State | None:
        shown = self._board.records.get(route)
        return shown.state if shown else None

    def _show(self, changes: Changes | None = None) -> None:
        shown = self._ledger.records if changes is None else changes.records
        self._board.replace(shown, changes.forgotten if changes else set())
        active = self._ledger.active()
        self._board.inflight = {record.route: self._inflight(record) for record in active}
        self._board.trouble = self._polling.troubles(self._ledger.specs, active)
        self._effects.forget_all_but({record.job.name for record in active if record.job})

    def _ask_slurm(self, now: float) -> None:
        for login in self._polling.due(self._ledger.active(), now):
            self._effects.poll(login, now)
