"""The events of a service, as `/info` and the log show them."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from service_management.lifecycle.events import Event
from service_management.lifecycle.findings import Finding
from service_management.lifecycle.record import Failure, ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import TEXT, Phase, Reason, State
from service_management.store import LogEntry

GONE = "gone"  # of a replica, or of a job that was given up: the service goes on
_OVER = "the job that an operator gave up is over"
OUTPUT_LINES = 10  # of a failed attempt's output, stored with its event


@dataclass
class EventEntries:
    # job name → the findings of its health checks that have an entry
    _told: dict[str, frozenset[Finding]] = field(default_factory=dict)

    def of_change(
        self, before: ServiceRecord, after: ServiceRecord, event: Event | None
    ) -> list[LogEntry]:
        """An entry for each new phase of a replica, one when Slurm has given its job the id, one
        for what the health checks of a start find, and one for what is left when it is gone. One
        when a job is given up, and one when it is over."""
        known = {one.job.name: one for one in before.replicas}
        changed = [one for one in after.replicas if known.get(one.job.name) != one]
        entries = [self._of_replica(known.get(one.job.name), one, before, event) for one in changed]
        gone = known.keys() - {one.job.name for one in after.replicas}
        for name in gone:
            self._told.pop(name, None)
        if after.failures > before.failures and after.last_failure:
            entries.append(_failed(after, after.last_failure))
        elif given_up := _new(before.abandoned, after.abandoned):
            state = GONE if after.active else after.state.value
            entries += [_abandoned(after, state, TEXT[Reason.ABANDONED], job) for job in given_up]
        elif after.active:
            entries += [_gone(known[name]) for name in gone]
        elif gone or _rests_otherwise(before, after):
            entries.append(_resting(after))
        over = _new(after.abandoned, before.abandoned)
        entries += [_abandoned(after, GONE, _OVER, job) for job in over]
        return [entry for entry in entries if entry]

    def forget(self, record: ServiceRecord) -> None:
        for one in record.replicas:
            self._told.pop(one.job.name, None)

    def _of_replica(
        self, before: Replica | None, after: Replica, record: ServiceRecord, event: Event | None
    ) -> LogEntry | None:
        named = bool(after.job.job_id) and not (before and before.job.job_id)
        if before is None or before.phase is not after.phase or named:
            return _entry(after, _line(after, _asked_by(before, record, event)))
        if self._is_news(before, after):
            return _entry(after, after.job.last_check() + _about_job(after.job))
        return None

    def _is_news(self, before: Replica, after: Replica) -> bool:
        """Only the first time that this job shows it: a service whose answers alternate must not
        fill the events."""
        finding = after.job.finding
        if after.phase is not Phase.STARTING or finding is None:
            return False
        if finding.expected or finding == before.job.finding:
            return False
        told = self._told.get(after.job.name, frozenset())
        self._told[after.job.name] = told | {finding}
        return finding not in told


def _new(before: Iterable[Job], after: Iterable[Job]) -> list[Job]:
    known = {job.name for job in before}
    return [job for job in after if job.name not in known]


def _rests_otherwise(before: ServiceRecord, after: ServiceRecord) -> bool:
    return not before.active and not after.active and before.state is not after.state


def _entry(replica: Replica, text: str) -> LogEntry:
    return LogEntry(replica.route, time.time(), replica.phase.value, replica.reason.value, text)


def _resting(record: ServiceRecord) -> LogEntry | None:
    """Not where the next job follows at once: that has an entry of its own."""
    if record.active or (record.demand and record.state is State.COLD):
        return None
    reason = record.resting_reason
    return LogEntry(record.route, time.time(), record.state.value, reason.value, TEXT[reason])


def _gone(replica: Replica) -> LogEntry:
    """Others go on."""
    ended = Reason.PORT_TAKEN if replica.ready_since is None else Reason.ENDED
    reason = ended if replica.live else replica.reason
    text = TEXT[reason] + _about_job(replica.job)
    return LogEntry(replica.route, time.time(), GONE, reason.value, text)


def _abandoned(record: ServiceRecord, state: str, text: str, job: Job) -> LogEntry:
    reason = Reason.ABANDONED.value
    return LogEntry(record.route, time.time(), state, reason, text + _about_job(job))


def _failed(record: ServiceRecord, failure: Failure) -> LogEntry:
    """All that is known of this attempt: the record itself keeps only the last one."""
    command = [f"Command: {failure.command}"] if failure.command else []
    text = "\n".join([failure.text, *command, *failure.output[-OUTPUT_LINES:]])
    return LogEntry(record.route, time.time(), State.FAILED.value, failure.reason.value, text)


def _asked_by(before: Replica | None, record: ServiceRecord, event: Event | None) -> str:
    """The request that a replica owes its phase to."""
    if before is None or (before.phase is Phase.DRAINING):
        return record.asked_by
    return getattr(event, "request_id", "")


def _line(replica: Replica, request: str) -> str:
    seen = replica.job.last_check() if replica.phase is Phase.STARTING else ""
    if replica.phase is Phase.QUEUED:
        seen = replica.job.placement()
    text = TEXT[replica.reason] + (f": {seen}" if seen else "")
    return text + _about_job(replica.job) + (f" (request {request})" if request else "")


def _about_job(job: Job) -> str:
    if not job.job_id:
        return ""
    return f" (job {job.job_id}{f' on {job.node}' if job.node else ''})"
