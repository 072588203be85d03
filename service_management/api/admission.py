"""Lets waiting requests through to services with `max_inflight`, one for each place that is free.

nginx enforces the limit (`max_conns`): what does not fit comes to the hold, and waits here in a
fair queue for each service, as do requests for such a service while it is cold. nginx replays what
is let through. Two things show that places are free:

- nginx reports the end of each request to such a service (gateway/freed_places.py). The next one in
  the queue goes at once. This is what keeps a busy service busy.
- The number of requests in flight, from the kernel's list, at every look. It includes connections
  that nginx keeps open for half a second, so it says "free" late, but it misses nothing: a report
  that was lost, a service that has become ready, a further replica.

If both are wrong, nginx still keeps the limit: it asks again, and that request goes before all
others. It may be right for some time: it sends a new replica one request a second until that one
has answered (docs/decisions/nginx.md). So after a refusal places are tried one at a time.

While requests wait, a flag makes nginx send new ones to the end of the queue (QueueFlags):
otherwise a client that sends one request after the other would take each place as it is freed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from service_management.api.fair_queue import FairQueue, QueueBounds, Ticket
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import State

_LOG = structlog.get_logger(__name__)
LOOK_EVERY = 0.1  # seconds
CLIENT_CHECK = 2.0  # seconds between checks that the client is still connected
# A request that was let through is in the kernel's list after this time, at a sample of the list
# that is at most so much older than the controller's last pass.
SAMPLE_AGE, SAMPLE_AGE_MOST = 0.4, 5.0
# After a refusal, for how long places are tried one at a time. Two never fall into the same second.
TRY_EVERY, CAREFUL, CAREFUL_MOST = 1.1, 10.0, 80.0
# A report may come just before the request that was refused for want of this place.
REPORT_KEPT = 0.05


def settled(record: ServiceRecord | None) -> bool:
    """Waiting longer would not change the answer."""
    if record is None or record.state in (State.READY, State.DISABLED):
        return True
    return record.state is State.FAILED and record.retry_at > time.time()


@dataclass(eq=False)
class Waiting(Ticket):
    decided: threading.Event = field(default_factory=threading.Event)
    granted: bool = False


@dataclass(frozen=True)
class Position:
    """Of a request that is not let through. `seconds`: until it would be, None if unknown."""

    place: int
    waiting: int
    seconds: float | None


@dataclass
class _Caution:
    """After a refusal places are tried one at a time, for twice as long after the next one."""

    until: float = float("-inf")
    seconds: float = 0.0
    tried_at: float = float("-inf")

    def refused(self, now: float) -> None:
        """nginx had no place for a request that was let through."""
        if now < self.until:
            return
        again = now - self.until < self.seconds
        self.seconds = min(2 * self.seconds, CAREFUL_MOST) if again else CAREFUL
        self.until = now + self.seconds

    def free(self, places: int, now: float) -> int:
        """How many of these places are tried now."""
        if now >= self.until or places <= 0:
            return places
        if now - self.tried_at < TRY_EVERY:
            return 0
        self.tried_at = now
        return 1


@dataclass
class _Queue:
    fair: FairQueue[Waiting]
    granted_at: deque[float] = field(default_factory=deque)  # not sure to be in the latest sample
    freed_at: float = float("-inf")
    # nginx refused a request: an older sample of the kernel's list does not count against that.
    full_at: float = float("-inf")
    caution: _Caution = field(default_factory=_Caution)


class Admission:
    """`most`: requests that wait, in all; half of them for one service, and half of these of one
    client. `flag`: tells nginx whether any wait."""

    def __init__(
        self,
        snapshot: Snapshot,
        most: int,
        flag: Callable[[str, bool], None] = lambda _route, _waiting: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._snapshot, self._show_flag, self._clock = snapshot, flag, clock
        self.most = most
        self._bounds = QueueBounds(max(1, most // 2), max(1, most // 4))
        self._queues: dict[str, _Queue] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(LOOK_EVERY):
            try:
                self.look()
            except Exception:
                _LOG.exception("the queues could not be looked at")

    def stop(self) -> None:
        self._stopped.set()

    # -- one request ----------------------------------------------------------------

    def join(self, route: str, ticket: Waiting) -> str | None:
        """Returns the refusal if the queue is full."""
        with self._lock:
            queue = self._queue(route)
            others, now = len(queue.fair), self._clock()
            if refusal := queue.fair.join(ticket):
                return refusal
            if ticket.returned:
                queue.caution.refused(now)
            if ticket.returned or not others:
                queue.full_at = now
            just_freed = now - queue.freed_at < REPORT_KEPT
            queue.freed_at = float("-inf")
            self._update(route, queue, now, at_least=int(just_freed))
        return None

    def wait(
        self, route: str, ticket: Waiting, end: float, gone: Callable[[], bool]
    ) -> Position | None:
        """None: it was let through. If its client has gone meanwhile, the next one is."""
        while (left := end - self._clock()) > 0:
            if ticket.decided.wait(min(left, CLIENT_CHECK)) or gone():
                break
        position = self.leave(route, ticket)
        if position is None and gone():
            self.freed(route)
        return position

    def leave(self, route: str, ticket: Waiting) -> Position | None:
        """None: it was let through meanwhile."""
        with self._lock:
            queue, now = self._queues[route], self._clock()
            if ticket.granted:
                return None
            position = self._position(queue.fair, queue.fair.place(ticket), now)
            queue.fair.leave(ticket)
            self._flag(route, queue)
        return position

    def position(self, route: str, place: int | None = None) -> Position:
        """Of a request that is not in the queue: in this place, or behind all others."""
        with self._lock:
            fair = self._queue(route).fair
            return self._position(fair, place or len(fair) + 1, self._clock())

    # -- places ---------------------------------------------------------------------

    def freed(self, route: str) -> None:
        """A request to this service has ended."""
        with self._lock:
            queue, now = self._queue(route), self._clock()
            if len(queue.fair):
                self._update(route, queue, now, at_least=1)
            else:
                queue.freed_at = now

    def look(self) -> None:
        with self._lock:
            now = self._clock()
            for route, queue in self._queues.items():
                if len(queue.fair):
                    self._update(route, queue, now)

    def _queue(self, route: str) -> _Queue:
        return self._queues.setdefault(route, _Queue(FairQueue(self._bounds)))

    def _update(self, route: str, queue: _Queue, now: float, at_least: int = 0) -> None:
        view = self._snapshot.of(route)
        if view is None or view.record.state is not State.READY:
            queue.full_at = float("-inf")
            if settled(view.record if view else None):
                for ticket in queue.fair:
                    ticket.decided.set()  # they leave
        else:
            free = queue.caution.free(self._free(view, queue, now), now)
            self._grant(queue, max(free, at_least), now)
        self._flag(route, queue)

    def _free(self, view: ServiceSnapshot, queue: _Queue, now: float) -> int:
        age = min(self._snapshot.since_last_pass() + SAMPLE_AGE, SAMPLE_AGE_MOST)
        while queue.granted_at and now - queue.granted_at[0] > age:
            queue.granted_at.popleft()
        limit = view.service.max_inflight
        if limit is None:  # since an edit
            return len(queue.fair)
        if now - queue.full_at <= age:
            return 0
        counts = (view.inflight_of.get(one.job.name) for one in view.record.ready)
        free = (max(0, limit - count) for count in counts if count is not None)
        return sum(free) - len(queue.granted_at)

    def _grant(self, queue: _Queue, free: int, now: float) -> None:
        for ticket in queue.fair.grant(free, now):
            queue.granted_at.append(now)
            ticket.granted = True
            ticket.decided.set()

    def _flag(self, route: str, queue: _Queue) -> None:
        self._show_flag(route, len(queue.fair) > 0)

    @staticmethod
    def _position(fair: FairQueue[Waiting], place: int, now: float) -> Position:
        return Position(place, max(place, len(fair)), fair.wait_for(place, now))
