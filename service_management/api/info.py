"""/info: what every service is doing, why, since when, and what happens next. What may hold secrets
is shown below /admin only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from service_management.api.problems import last_failure
from service_management.api.status_text import attempt, explain, last_check, upcoming
from service_management.config import Problem
from service_management.controller.public_view import public_event
from service_management.controller.snapshot import ServiceSnapshot, Snapshot
from service_management.lifecycle.record import advancement
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.start_phases import usual
from service_management.lifecycle.states import TEXT, State
from service_management.store import LogEntry


def everything(snapshot: Snapshot, now: float) -> dict[str, Any]:
    version = snapshot.version  # read first: it is set last, and then the error is known
    return {
        "services": [service(view, now) for view in snapshot.all()],
        "config_error": config_error(snapshot),
        "config_version": version,
    }


def everything_in_full(snapshot: Snapshot, now: float) -> dict[str, Any]:
    """With the admin token only."""
    shown = configuration(snapshot)
    return {"services": [service(view, now) for view in snapshot.all_in_full()], **shown}


def config_error(snapshot: Snapshot) -> dict[str, Any] | None:
    return _described([problem.public() for problem in snapshot.config_error])


def configuration(snapshot: Snapshot) -> dict[str, Any]:
    """With the admin token only: with the values that are wrong."""
    return {
        "config_error": _described(snapshot.config_error),
        "config_version": snapshot.version,
    }


def _described(problems: Sequence[Problem]) -> dict[str, Any] | None:
    if not problems:
        return None
    return {
        "text": "\n".join(map(str, problems)),
        "problems": [problem.to_json() for problem in problems],
    }


def service(view: ServiceSnapshot, now: float) -> dict[str, Any]:
    record = view.record
    ready = record.state is State.READY
    busy = bool(view.inflight)
    return {
        "name": view.service.name,
        "route_name": record.route,
        "state": record.state.value,
        "reason": record.reason.value,
        "text": explain(view, now),
        "next": upcoming(view, now),
        "since": record.since or None,
        "api_paths": list(view.service.api_paths),
        "url": f"/{record.route}/",
        "timeout": view.service.timeout,
        "probe": probe(view, now),
        "attempt": attempt(view),
        "wanted": view.scale.wanted,
        "scaling": view.scale.reason or None,
        "replicas": replicas(view),
        "keepalive": view.keepalive,
        "inflight": view.inflight,
        "held": view.held,
        "max_inflight": view.service.max_inflight,
        "idle_seconds": max(0.0, now - record.last_activity) if ready and not busy else None,
        "estimated_start": estimated_start(view),
        "last_error": last_failure(view),
        "usual": usual(record),
        "failures": record.failures,
        "retry_at": record.retry_at if record.state is State.FAILED else None,
        "cluster_trouble": view.trouble or None,
    }


def details(view: ServiceSnapshot, entries: list[LogEntry], now: float) -> dict[str, Any]:
    return {**service(view, now), "events": [vars(public_event(entry)) for entry in entries]}


def full_details(view: ServiceSnapshot, entries: list[LogEntry], now: float) -> dict[str, Any]:
    """With the admin token only: with the last lines of failed jobs, the commands, and the jobs
    that were given up and may still run."""
    abandoned = [
        {"job_id": job.job_id or None, "job_name": job.name} for job in view.record.abandoned
    ]
    shown = [vars(entry) for entry in entries]
    return {**service(view, now), "abandoned": abandoned, "events": shown}


def probe(view: ServiceSnapshot, now: float) -> dict[str, Any] | None:
    """What the last health check saw; None while there is nothing to say."""
    text, job = last_check(view, now), view.record.job
    return {"text": text, "at": job.found_at} if text and job else None


def replicas(view: ServiceSnapshot) -> list[dict[str, Any]]:
    """The most advanced first."""
    ordered = sorted(view.record.replicas, key=advancement)
    return [replica(one, view.inflight_of.get(one.job.name, 0)) for one in ordered]


def replica(replica: Replica, inflight: int | None) -> dict[str, Any]:
    job = replica.job
    return {
        "slot": replica.slot,
        "state": replica.phase.value,
        "reason": replica.reason.value,
        "text": TEXT[replica.retiring or replica.reason],
        "retiring": replica.retiring.value or None,
        "since": replica.since,
        "job_id": job.job_id or None,
        "job_name": job.name,
        "node": job.node or None,
        "port": job.port,
        "slurm_state": job.slurm_state or None,
        "slurm_reason": job.slurm_reason or None,
        "apart_from": list(job.apart_from),
        "submitted_at": job.submitted_at,
        "estimated_start": job.estimated_start,
        "started_at": job.started_at,
        "ready_since": replica.ready_since,
        "end_time": job.end_time,
        "inflight": inflight,
    }


def estimated_start(view: ServiceSnapshot) -> float | None:
    """When Slurm expects to start its job; None if it runs already or Slurm has no estimate."""
    job = view.record.job
    return job.estimated_start if job and view.record.state is State.QUEUED else None
