"""The pages for people: all services at `/`, one at `/info/<route>`, and what is not there.

They show what `/info` has. `templates/live.js` keeps an open page up to date.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from flask import Flask, Request, Response, render_template

from service_management import __version__
from service_management.api import info, problems
from service_management.api.snippets import model_list, request_now, snippets
from service_management.api.status_text import trouble
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.states import State
from service_management.store import LogEntry
from service_management.time_text import at_most, duration

# Failures first, then what changes, then what works, last what is not used.
ORDER = (
    State.FAILED,
    State.STARTING,
    State.QUEUED,
    State.DRAINING,
    State.READY,
    State.COLD,
    State.DISABLED,
)


def prepare(app: Flask) -> None:
    """What the templates use."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {"duration": duration, "at_most": at_most, "utc": utc, "iso": iso}


def wants_page(request: Request) -> bool:
    """A browser says that it takes HTML, and prefers it; `*/*` alone is a program."""
    accept = request.accept_mimetypes
    best = accept.best_match(["application/json", "text/html"])
    return best == "text/html" and "text/html" in accept.values()


def status(snapshot: Snapshot, now: float) -> Response:
    everything = info.everything(snapshot, now)
    services = sorted(everything["services"], key=_urgency)
    counts = Counter(service["state"] for service in services)
    troubles = _shared_troubles(services)
    return page(
        "status.html",
        services=[_without(service, troubles) for service in services],
        troubles=troubles,
        config_error=everything["config_error"],
        summary=_summary(counts),
        failed=counts[State.FAILED.value],
        now=now,
    )


def service(view: ServiceSnapshot, entries: list[LogEntry], now: float) -> Response:
    details = info.details(view, entries, now)
    where = details["url"], details["api_paths"]
    return page(
        "service.html",
        service=details,
        sentence=_sentence(view, details),
        log=_newest_first(details),
        job=next(iter(details["replicas"]), None),
        error=details["last_error"] and error_text(details),
        request_now=request_now(view, now),
        snippets=snippets(*where),
        model_list=model_list(*where),
        now=now,
    )


def starting() -> Response:
    """Instead of any page, until it is known which services there are. It looks again by itself."""
    return problems.with_retry(page("starting.html", 503), problems.RESTARTING)


def page(template: str, status: int = 200, **values: Any) -> Response:
    html = render_template(template, version=__version__, **values)
    response = Response(html, status=status, content_type="text/html; charset=utf-8")
    # Without it the Back button would show an old state, or the JSON of the same address.
    response.headers["Cache-Control"] = "no-store"
    return response


def _shared_troubles(services: list[dict[str, Any]]) -> dict[str, int]:
    """What keeps several services from their cluster, and how many: told once above the cards."""
    counts = Counter(service["cluster_trouble"] for service in services)
    return {text: count for text, count in counts.items() if text and count > 1}


def _without(service: dict[str, Any], troubles: dict[str, int]) -> dict[str, Any]:
    if service["cluster_trouble"] not in troubles:
        return service
    told, error = service["cluster_trouble"].rstrip("."), service["last_error"]
    if error:
        error = {**error, "text": error["text"].replace(told, "see above")}
    return {**service, "text": service["text"].replace(told, "see above"), "last_error": error}


def _sentence(view: ServiceSnapshot, details: dict[str, Any]) -> str:
    """What the page does not show elsewhere: its state says that it is cold or ready, and the last
    error has a place of its own."""
    error = (details["last_error"] or {}).get("text", "")
    told = (details["cluster_trouble"] or "").rstrip(".")
    if view.record.state is State.FAILED:
        return "" if told in error else trouble(view).strip()
    if view.record.state in (State.COLD, State.READY) and not told:
        return ""
    text = str(details["text"])
    for said in (error.rstrip("."), told):
        if said and said in error:
            text = text.replace(said, "see the last error")
    return text


def _newest_first(details: dict[str, Any]) -> list[dict[str, Any]]:
    """A failure that the page shows already is not told again."""
    told = (details["last_error"] or {}).get("text")
    events = reversed(details["events"])
    return [
        {**event, "text": "See the last error."} if event["text"] == told else event
        for event in events
    ]


def error_text(service: dict[str, Any]) -> str:
    """The last error as one text, to be sent to an operator."""
    error = service["last_error"]
    place = f", on {error['node']}" if error["node"] else ""
    when = f"{utc(error['at'])}, {error['reason']}{place}"
    return f"{service['route_name']}: {error['text']}\n{when}"


def utc(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def _urgency(service: dict[str, Any]) -> tuple[bool, int]:
    """A service that is being tried again after a failure, or whose cluster does not answer, comes
    before those where all is well. Otherwise the order of the file stays."""
    state = State(service["state"])
    trouble = state is State.FAILED or service["failures"] or service["cluster_trouble"]
    return not trouble, ORDER.index(state)


def _summary(counts: Counter[str]) -> str:
    words = [f"{counts[state]} {state.value}" for state in ORDER if counts[state]]
    return ", ".join(words) or "No services are configured."
