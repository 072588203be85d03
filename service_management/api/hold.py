"""Holding: what happens to a request whose service cannot be reached.

nginx passes a request to the service. If that fails, it asks here, with an empty GET that has the
request's headers (held_request.py); body and client stay with nginx. The answer is decided in this
order:

1. Something was sent to the service, and the method is not safe to repeat: 502 `broke-off`. It may
   have been executed, so it is never sent again.
2. Too many requests are waiting already, in all, for this service or of this client
   (hold_places.py): 503 `busy`.
3. The controller gets the demand, and starts the service if necessary. If it does not answer
   within 5 s: 503 `busy`. If the service no longer exists: 404.
4. The service was ready and could not be reached, for the second time or later: its health is
   checked now, and the request waits a moment for the tunnel to recover or the route to go.
5. The request waits until the service is ready, disabled or failed, until its patience is over
   (`hold_timeout`, `Prefer: wait=N`; a browser gets the waiting page at once), or until its client
   has left.
6. The service is ready: `X-Accel-Redirect`, and nginx sends the request itself, at most four times,
   then 502. It is not: 503 with the reason and `Retry-After`, or the waiting page for a browser.
"""

from __future__ import annotations

import random
import select
import socket
import time
from collections.abc import Callable

from flask import Request, Response, render_template

from service_management.api import problems
from service_management.api.held_request import Held
from service_management.api.hold_places import HoldPlaces
from service_management.api.problems import problem
from service_management.api.status_text import explain, trouble, upcoming
from service_management.controller.loop import Controller
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.events import Demanded
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.states import State
from service_management.time_text import at_most

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
CLIENT_CHECK = 2.0  # seconds between checks that the client is still connected
# An open waiting page is demand until it says that it will look again, but no longer than this:
# browsers let a hidden tab look once a minute.
WATCHED_AT_MOST = 90
_UNDER_WAY = (State.QUEUED, State.STARTING, State.DRAINING)


def settled(record: ServiceRecord | None) -> bool:
    """Waiting longer would not change the answer."""
    if record is None or record.state in (State.READY, State.DISABLED):
        return True
    return record.state is State.FAILED and record.retry_at > time.time()


class Hold:
    """See the order of decisions at the top of this module."""

    def __init__(
        self,
        snapshot: Snapshot,
        controller: Controller,
        most: int,
        reachable: Callable[[str], bool] = lambda _route: True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._snapshot, self._controller, self._reachable = snapshot, controller, reachable
        self._now = now
        self._places = HoldPlaces(most)  # gunicorn has a few more threads than this

    def demand(self, route: str, request_id: str) -> None:
        """For the copy that nginx mirrors: reset the idle timer, or start the service."""
        self._controller.demanded(route, request_id)

    def hold(self, route: str, held: Held, client: socket.socket | None) -> Response:
        started = time.monotonic()
        if held.sent and held.method not in SAFE:
            return self._broke_off(route, held)
        with self._places.place(route, held.client) as refusal:
            if refusal:
                return problem(
                    problems.BUSY, refusal, retry_after=problems.HOLD_FULL, service=route
                )
            return self._held(route, held, client, started)

    def _held(
        self, route: str, held: Held, client: socket.socket | None, started: float
    ) -> Response:
        with self._snapshot.waiters.holding(route):
            if not self._controller.ask(route, Demanded(held.request_id)):
                text = "The control plane did not decide within 5 s: it is overloaded or starting."
                return problem(problems.BUSY, text, retry_after=problems.RESTARTING, service=route)
            view = self._snapshot.of(route)
            if view is None:
                return _unknown(route)
            if held.replays:
                self._pause_and_check(route, held)
            self._wait(route, _time_left(view, held), client)
            if held.replays and not held.sent:
                self._wait_for_tunnel(route, started + _time_left(view, held), client)
        return self._answer(route, held, time.monotonic() - started)

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
    if held.html and held.method == "GET" and held.patience is None:
        return 0.0
    limit = view.service.hold_timeout
    return limit if held.patience is None else min(held.patience, limit)


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


def note_waiting_page(snapshot: Snapshot, view: ServiceSnapshot, request: Request) -> None:
    """`/info/<route>?waiting=N`: a waiting page is open, and looks again within N seconds. One that
    reads that the service is ready does not: it sends its request."""
    seconds = request.args.get("waiting", 0, type=int)
    if seconds > 0 and view.record.state is not State.READY:
        snapshot.watch(view.record.route, min(seconds, WATCHED_AT_MOST))


def waiting_page(view: ServiceSnapshot, held: Held, now: float) -> Response:
    """Status 503, so that no cache and no script takes it for the service's answer."""
    html = render_template("waiting.html", **_waiting(view, held, now))
    response = Response(html, status=503, content_type="text/html; charset=utf-8")
    return problems.with_retry(response, problems.retry_after(view, now))


def _when_closed(view: ServiceSnapshot) -> str:
    """What happens to the job without this page."""
    goes_on = "If you close this page, the job goes on."
    if view.service.min_replicas > 0:
        return goes_on
    queue, idle = at_most(view.service.queue_timeout), at_most(view.service.timeout)
    return (
        f"{goes_on} Without a request it is cancelled after {queue} in the queue, or {idle} after "
        "the service is ready."
    )


def _waiting(view: ServiceSnapshot, held: Held, now: float) -> dict[str, object]:
    state = view.record.state
    return {
        "name": view.service.name,
        "state": state.value,
        "text": explain(view, now),
        "next": upcoming(view, now),
        "closing": _when_closed(view),
        "closing_shown": state in (State.QUEUED, State.STARTING),
        "request_id": held.request_id,
        "under_way": state in _UNDER_WAY,
        "refreshes": state in _UNDER_WAY and not view.record.failures,
        "can_try": state in (State.FAILED, State.COLD),
        # At the service's own address /info is the service's.
        "info_url": f"/info/{view.record.route}" if held.at_gateway else None,
    }
