"""Holding: what happens to a request whose service cannot be reached.

nginx passes a request to the service. If that fails, it asks here, with an empty GET that has the
request's headers (held_request.py); body and client stay with nginx. The answer is decided in this
order:

1. Something was sent to the service, and the method is not safe to repeat: 502 `broke-off`. It may
   have been executed, so it is never sent again.
2. Too many requests are waiting already, in all, for this service or of this client
   (hold_places.py): 503 `busy`.
   For a service with `max_inflight`, its queue has the bounds (fair_queue.py): 429 `service-full`.
3. The controller gets the demand, and starts the service if necessary. If it does not answer
   within 5 s: 503 `busy`. If the service no longer exists: 404.
4. The service was ready and could not be reached, for the second time or later: its health is
   checked now, and the request waits a moment for the tunnel to recover or the route to go.
5. The request waits until the service is ready, disabled or failed, until its patience is over
   (`hold_timeout`, `Prefer: wait=N`; a browser gets the waiting page at once), or until its client
   has left. For a service with `max_inflight` it waits in a queue, until a place is free there
   (admission.py); if its patience ends while the service is ready: 429 `service-full`.
6. The service is ready: `X-Accel-Redirect`, and nginx sends the request itself, at most four times,
   then 502. It is not: 503 with the reason and `Retry-After`, or the waiting page for a browser.
"""

from __future__ import annotations

import random
import select
import socket
import time
from collections.abc import Callable

from flask import Response

from service_management.api import problems
from service_management.api.access import network_of
from service_management.api.admission import CLIENT_CHECK, Admission, Position, Waiting, settled
from service_management.api.held_request import Held
from service_management.api.hold_places import HoldPlaces
from service_management.api.problems import problem
from service_management.api.status_text import trouble
from service_management.api.waiting_page import waiting_page
from service_management.controller.loop import Controller
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.events import Demanded
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import State
from service_management.time_text import duration

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})  # RFC 9110: sending it twice has no effect twice
# Pauses before a request is sent again to a ready service, from the second time on: a full queue at
# the tunnel's socket drains in a moment, a lost tunnel takes longer. nginx follows ten internal
# redirects, two each time.
PAUSES = (0.2, 1.5, 3.0)
REPLAYS = 1 + len(PAUSES)
_MAYBE_EXECUTED = (
    "The connection to the service broke before it answered. The request may have been executed, "
    "so it was not repeated."
)
_CLOSED_BETWEEN = (
    " If the service closed the connection without announcing it, the gateway notices that now and "
    "opens a new one for each later request (keepalive: false)."
)
_NOT_EXECUTED = (
    "The service's job is running, but the gateway cannot reach it: its tunnel is down. The "
    "request was not executed: send it again."
)
TUNNEL_CHECK = 0.2  # seconds between attempts to reach the tunnel of a ready service


class Hold:
    """See the order of decisions at the top of this module."""

    def __init__(
        self,
        snapshot: Snapshot,
        controller: Controller,
        admission: Admission,
        reachable: Callable[[str], bool] = lambda _route: True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._snapshot, self._controller, self._reachable = snapshot, controller, reachable
        self._admission, self._now = admission, now
        self._places = HoldPlaces(admission.most)  # gunicorn has a few more threads than this

    def demand(self, route: str, request_id: str) -> None:
        """For the copy that nginx mirrors: reset the idle timer, or start the service."""
        self._controller.demanded(route, request_id)

    def hold(self, route: str, held: Held, client: socket.socket | None) -> Response:
        started = time.monotonic()
        if held.sent and self._has_limit(route):
            self._admission.freed(route)  # nginx reports only the end of the whole request
        if held.sent and held.method not in SAFE:
            return self._broke_off(route, held)
        with self._places.place(route, held.client, in_queue=self._has_limit(route)) as refusal:
            if refusal:
                return problem(
                    problems.BUSY, refusal, retry_after=problems.HOLD_FULL, service=route
                )
            return self._held(route, held, client, started)

    def _held(
        self, route: str, held: Held, client: socket.socket | None, started: float
    ) -> Response:
        with self._snapshot.waiters.holding(route):
            if not self._demanded(route, held):
                text = "The control plane did not decide within 5 s: it is overloaded or starting."
                return problem(problems.BUSY, text, retry_after=problems.RESTARTING, service=route)
            view = self._snapshot.of(route)
            if view is None:
                return _unknown(route)
            has_limit = view.service.max_inflight is not None
            failed = held.replays > 0 and not (has_limit and self._met_full(route, held))
            if failed:
                self._pause_and_check(route, held)
            if failed or not has_limit:
                self._wait(route, _time_left(view, held), client)
            if failed and not held.sent:
                self._wait_for_tunnel(route, started + _time_left(view, held), client)
            if has_limit and held.replays >= REPLAYS and not failed:
                return _full(view, held.waited, self._admission.position(route, 1))
            if has_limit:
                return self._in_queue(view, held, client, started)
        return self._answer(route, held, time.monotonic() - started)

    def _demanded(self, route: str, held: Held) -> bool:
        """Whether the controller knows. At a full service it only has to reset the idle timer: the
        requests of a queue must not cost a pass each."""
        view = self._snapshot.of(route)
        if view and view.service.max_inflight is not None and view.record.state is State.READY:
            self._controller.demanded(route, held.request_id)
            return True
        return self._controller.ask(route, Demanded(held.request_id))

    def _in_queue(
        self, view: ServiceSnapshot, held: Held, client: socket.socket | None, started: float
    ) -> Response:
        """Wait until this request is let through, or its patience ends."""
        route, ticket = view.record.route, _ticket(held, started)
        if refusal := self._admission.join(route, ticket):
            return problems.service_full(view, refusal, self._admission.position(route))
        end = started + _time_left(view, held) - held.waited
        position = self._admission.wait(route, ticket, end, lambda: _gone(client))
        waited = held.waited + time.monotonic() - started
        latest = self._snapshot.of(route)
        if position and latest and latest.record.state is State.READY:
            return _full(latest, waited, position)
        return self._answer(route, held, waited)

    def _met_full(self, route: str, held: Held) -> bool:
        """The replicas can be reached, and nothing was sent: nginx kept the limit."""
        return not held.sent and self._reachable(route)

    def _has_limit(self, route: str) -> bool:
        service = self._snapshot.services.get(route)
        return service is not None and service.max_inflight is not None

    def _wait(self, route: str, patience: float, client: socket.socket | None) -> None:
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0:
            if self._snapshot.wait(route, settled, min(left, CLIENT_CHECK)) or _gone(client):
                return

    def _wait_for_tunnel(self, route: str, end: float, client: socket.socket | None) -> None:
        """A ready service whose login node restarts: its tunnel comes back with it."""
        while time.monotonic() < end and not self._reachable(route):
            if self._snapshot.wait(route, _not_ready, TUNNEL_CHECK) or _gone(client):
                return

    def _pause_and_check(self, route: str, held: Held) -> None:
        """Have its health checked now, and give the controller a moment to withdraw the route."""
        self._controller.suspect(route)
        pause = PAUSES[min(held.replays, len(PAUSES)) - 1]
        # Spread out, so that a crowd does not come back at the same moment.
        self._snapshot.wait(route, _not_ready, random.uniform(pause / 2, pause))  # noqa: S311

    def _answer(self, route: str, held: Held, waited: float) -> Response:
        view, now = self._snapshot.of(route), self._now()
        if view is None:
            return _unknown(route)
        if view.record.state is State.READY:
            if held.replays and not held.sent and not self._reachable(route):
                return _without_tunnel(view)
            return self._replay(route, held, waited)
        if held.html and held.method == "GET":
            return waiting_page(view, held, now)
        return problems.not_served(view, now)

    def _replay(self, route: str, held: Held, waited: float) -> Response:
        if held.replays >= REPLAYS:
            return self._broke_off(route, held)
        response = Response(status=200)
        response.headers["X-Accel-Redirect"] = held.ready
        response.headers["X-Cold-Start"] = f"{waited:.3f}"
        # nginx would give it to an answer of the service that has no Content-Type.
        del response.headers["Content-Type"]
        return response

    def _broke_off(self, route: str, held: Held) -> Response:
        """Sent and lost, or not reachable after four attempts."""
        self._controller.suspect(route)
        view = self._snapshot.of(route)
        text = _MAYBE_EXECUTED if held.sent else _NOT_EXECUTED
        if held.sent and view and view.keepalive:
            text += _CLOSED_BETWEEN
        about = problems.about(view) if view else {"service": route}
        return problem(problems.BROKE_OFF, text, retry_after=problems.SENT_AND_LOST, **about)


def _time_left(view: ServiceSnapshot, held: Held) -> float:
    """A browser gets the waiting page at once: it says more than a spinner does."""
    at_limit = view.service.max_inflight is not None and view.record.state is State.READY
    if held.html and held.method == "GET" and held.patience is None and not at_limit:
        return 0.0
    limit = view.service.hold_timeout
    return limit if held.patience is None else min(held.patience, limit)


def _ticket(held: Held, started: float) -> Waiting:
    """One that was let through, and comes back, is kept back like every request that failed."""
    ticket = Waiting(network_of(held.client) if held.client else "", started - held.waited)
    if held.replays:
        ticket.returned = True
        ticket.not_before = time.monotonic() + PAUSES[min(held.replays, len(PAUSES)) - 1]
    return ticket


def _full(view: ServiceSnapshot, waited: float, position: Position) -> Response:
    text = (
        f"The service has all the requests that it takes at one time ({view.service.max_inflight} "
        f"for each replica). This one waited for {duration(waited)}, and is number "
        f"{position.place} of {position.waiting} in the queue."
    )
    return problems.service_full(view, text, position)


def _not_ready(record: ServiceRecord | None) -> bool:
    return record is None or record.state is not State.READY


def _gone(client: socket.socket | None) -> bool:
    """nginx closes its connection to the control plane when its client has left."""
    if client is None:
        return False
    try:
        poll = select.poll()  # not select: thousands of held requests are thousands of descriptors
        poll.register(client, select.POLLIN)
        return bool(poll.poll(0)) and client.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


def _without_tunnel(view: ServiceSnapshot) -> Response:
    text, about = _NOT_EXECUTED + trouble(view), problems.about(view)
    return problem(problems.NOT_READY, text, retry_after=problems.NOT_READY_YET, **about)


def _unknown(route: str) -> Response:
    text = f"No service has the route {route!r}. GET /info lists all routes."
    return problem(problems.UNKNOWN_SERVICE, text, service=route)
