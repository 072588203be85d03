"""Every error as application/problem+json (RFC 9457): its kinds, its fields, and Retry-After."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from flask import Response

from service_management.api.admission import Position
from service_management.api.status_text import explain_alone
from service_management.config.config_problem import nearest
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.states import State

# Every Retry-After of the control plane, in seconds. nginx has three of its own in
# nginx/snippets/error_documents.conf: for a full spool, for too many uploads, and RESTARTING while
# the control plane does not answer.
RESTARTING = 2.0  # also: no decision within 5 s
HOLD_FULL = 5.0
PLACE_UNKNOWN = 5.0  # of a full service whose places have not become free yet
PLACE_LEAST, PLACE_MOST = 1.0, 300.0  # bounds of the estimate from the place in the queue
SENT_AND_LOST = 1.0
NOT_READY_YET = 5.0
BACKOFF_LEAST = 1.0  # else what is left of the back-off
ESTIMATE_LEAST, ESTIMATE_MOST = 5.0, 300.0  # bounds of Slurm's estimate

PREFIX = "urn:inference-orchestrator:problem:"


@dataclass(frozen=True)
class Kind:
    """One kind of problem. `docs/errors.md` lists them all; a test compares."""

    name: str
    status: int
    title: str


NOT_READY = Kind("not-ready", 503, "The service is not ready yet")
FAILED = Kind("failed", 503, "The service could not be started")
DISABLED = Kind("disabled", 503, "The service is disabled")
BROKE_OFF = Kind("broke-off", 502, "The service broke off its answer")
UNKNOWN_SERVICE = Kind("unknown-service", 404, "No such service")
UNKNOWN_REPLICA = Kind("unknown-replica", 404, "No such replica")
NOT_FOUND = Kind("not-found", 404, "No such path")
UNAUTHORIZED = Kind("unauthorized", 401, "The admin token is missing or wrong")
TOO_MANY_TOKENS = Kind("too-many-tokens", 429, "Too many wrong admin tokens")
CONFLICT = Kind("conflict", 409, "That cannot be done now")
BAD_REQUEST = Kind("bad-request", 400, "The request is not valid")
NOT_ALLOWED = Kind("method-not-allowed", 405, "This path does not accept that method")
CLUSTER = Kind("cluster", 502, "The cluster did not answer")
BUSY = Kind("busy", 503, "The control plane is busy")
SERVICE_FULL = Kind("service-full", 429, "The service is full")
INTERNAL = Kind("internal", 500, "Internal error in the control plane")

KINDS = (
    NOT_READY,
    FAILED,
    DISABLED,
    BROKE_OFF,
    UNKNOWN_SERVICE,
    UNKNOWN_REPLICA,
    NOT_FOUND,
    UNAUTHORIZED,
    TOO_MANY_TOKENS,
    CONFLICT,
    BAD_REQUEST,
    NOT_ALLOWED,
    CLUSTER,
    BUSY,
    SERVICE_FULL,
    INTERNAL,
)
_OF_STATE = {State.FAILED: FAILED, State.DISABLED: DISABLED}


def problem(
    kind: Kind, detail: str, *, retry_after: float | None = None, **members: Any
) -> Response:
    response = document(PREFIX + kind.name, kind.title, kind.status, detail, **members)
    return with_retry(response, retry_after)


def document(kind: str, title: str, status: int, detail: str, **members: Any) -> Response:
    body = {"type": kind, "title": title, "status": status, "detail": detail, **members}
    return Response(
        json.dumps(body, ensure_ascii=False) + "\n",
        status=status,
        content_type="application/problem+json",
    )


def with_retry(response: Response, seconds: float | None) -> Response:
    """None: a retry does not help."""
    if seconds is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    response.headers["Cache-Control"] = "no-store"
    return response


def starting(**members: Any) -> Response:
    text = "The control plane is starting; try again."
    return problem(BUSY, text, retry_after=RESTARTING, **members)


def unknown_service(snapshot: Snapshot, route: str) -> Response:
    if snapshot.may_have(route):
        return starting(service=route)
    near = nearest(route, list(snapshot.services))
    hint = f"Did you mean {near!r}?" if near else "GET /info lists all routes."
    text = f"No service has the route {route!r}. {hint}"
    return problem(UNKNOWN_SERVICE, text, service=route)


def not_served(view: ServiceSnapshot, now: float) -> Response:
    """Why this service does not answer now, with its job and when to try again."""
    kind = _OF_STATE.get(view.record.state, NOT_READY)
    wait = retry_after(view, now)
    return problem(kind, explain_alone(view, now), retry_after=wait, **about(view))


def service_full(view: ServiceSnapshot, detail: str, position: Position) -> Response:
    """Not let through in time, or no room in the queue: with its place there."""
    seconds = PLACE_UNKNOWN
    if position.seconds is not None:
        seconds = min(max(position.seconds, PLACE_LEAST), PLACE_MOST)
    where = {"place": position.place, "waiting": position.waiting}
    return problem(SERVICE_FULL, detail, retry_after=seconds, **about(view), **where)


def about(view: ServiceSnapshot) -> dict[str, Any]:
    record, job = view.record, view.record.job
    failure = record.last_failure if record.state is State.FAILED else None
    return {
        "service": record.route,
        "state": record.state.value,
        "reason": record.reason.value,
        "job": {
            "id": (job.job_id if job else failure.job_id if failure else "") or None,
            "state": (job.slurm_state if job else failure.slurm_state if failure else "") or None,
            "reason": (job.slurm_reason if job else "") or None,
            "estimated_start": job.estimated_start if job else None,
        },
        **({"failure": last_failure(view)} if failure else {}),
    }


def last_failure(view: ServiceSnapshot) -> dict[str, Any] | None:
    failure = view.record.last_failure
    if failure is None:
        return None
    return {
        "at": failure.at,
        "reason": failure.reason.value,
        "text": failure.text,
        "job_id": failure.job_id or None,
        "slurm_state": failure.slurm_state or None,
        "exit_code": failure.exit_code,
        "signal": failure.signal,
        "node": failure.node or None,
        "output": list(failure.output),
        "output_file": failure.output_file or None,
        "command": failure.command or None,
    }


def retry_after(view: ServiceSnapshot, now: float) -> float | None:
    record, job = view.record, view.record.job
    if record.state is State.DISABLED:
        return None
    if record.state is State.FAILED:
        return max(record.retry_at - now, BACKOFF_LEAST)
    if record.state is State.QUEUED and job and job.estimated_start:
        return min(max(job.estimated_start - now, ESTIMATE_LEAST), ESTIMATE_MOST)
    return NOT_READY_YET
