"""The events of a service, as `/info` and the log show them."""

from __future__ import annotations

import time

from service_management.lifecycle.events import Event, JobAbsent, JobOver, SubmitFailed
from service_management.lifecycle.findings import Finding
from service_management.lifecycle.record import Failure, Record
from service_management.lifecycle.states import TEXT, State
from service_management.store import LogEntry

JOB_ENDED = (JobOver, SubmitFailed, JobAbsent)  # the job has ended, or never existed
OUTPUT_LINES = 10  # of a failed attempt's output, stored with its event


class EventEntries:
    def __init__(self) -> None:
        # route → job name, and the findings of its health checks that have an entry
        self._told: dict[str, tuple[str, frozenset[Finding]]] = {}

    def of_change(self, before: Record, after: Record, event: Event | None) -> LogEntry | None:
        """An entry for each new state, one when Slurm has given the job its id, and one for what
        the health checks of a start find."""
        named = bool(after.job and after.job.job_id) and not (before.job and before.job.job_id)
        if before.state is not after.state or named:
            return _entry(after, _line(after, event))
        if self._is_news(before, after):
            return _entry(after, _last_check(after) + _about_job(after))
        return None

    def forget(self, route: str) -> None:
        self._told.pop(route, None)

    def _is_news(self, before: Record, after: Record) -> bool:
        """Only the first time that this job shows it: a service whose answers alternate must not
        fill the events."""
        job = after.job
        if after.state is not State.STARTING or job is None or job.finding is None:
            return False
        if job.finding.expected or (before.job and job.finding == before.job.finding):
            return False
        name, told = self._told.get(after.route, ("", frozenset()))
        told = told if name == job.name else frozenset()
        self._told[after.route] = job.name, told | {job.finding}
        return job.finding not in told


def _entry(record: Record, text: str) -> LogEntry:
    return LogEntry(record.route, time.time(), record.state.value, record.reason.value, text)


def _line(record: Record, event: Event | None) -> str:
    failed = record.state is State.FAILED and isinstance(event, JOB_ENDED)
    if failed and record.last_failure:
        return _failure_text(record.last_failure)
    request = getattr(event, "request_id", "")
    seen = _last_check(record) if record.state is State.STARTING else ""
    text = TEXT[record.reason] + (f": {seen}" if seen else "")
    return text + _about_job(record) + (f" (request {request})" if request else "")


def _last_check(record: Record) -> str:
    return record.job.last_check() if record.job else ""


def _about_job(record: Record) -> str:
    job = record.job
    if job is None or not job.job_id:
        return ""
    return f" (job {job.job_id}{f' on {job.node}' if job.node else ''})"


def _failure_text(failure: Failure) -> str:
    """All that is known of this attempt: the record itself keeps only the last one."""
    command = [f"Command: {failure.command}"] if failure.command else []
    return "\n".join([failure.text, *command, *failure.output[-OUTPUT_LINES:]])
