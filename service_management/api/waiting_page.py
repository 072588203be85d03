"""The page that a browser gets while a service is not ready."""

from __future__ import annotations

from flask import Request, Response, render_template

from service_management.api import problems
from service_management.api.held_request import Held
from service_management.api.status_text import explain, upcoming
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.states import State
from service_management.time_text import at_most

# An open waiting page is demand until it says that it will look again, but no longer than this:
# browsers let a hidden tab look once a minute.
WATCHED_AT_MOST = 90
_UNDER_WAY = (State.QUEUED, State.STARTING, State.DRAINING)


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
    if view.stays:
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
