"""The decision table: `(record, event, context) → (record', submission)`, without I/O.

`TABLE` has an entry for every state × event; `_stay` is a decision too. The handlers are in
`demand`, `ticks`, `health`, `job_events` and `operator_requests`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service_management.lifecycle import demand, health, job_events, operator_requests, ticks
from service_management.lifecycle import events as ev
from service_management.lifecycle.actions import Submit
from service_management.lifecycle.decision import Context, Decision
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State

Handler = Callable[[Record, ev.Event, Context], Record | None]


def _stay(record: Record, _event: ev.Event, _context: Context) -> Record:
    return record


_COLUMNS: Mapping[type, Mapping[State, Callable[..., Record | None]]] = {
    ev.Demanded: demand.HANDLERS,
    ev.Ticked: ticks.TICKED,
    ev.Resumed: ticks.RESUMED,
    ev.Probed: health.PROBED,
    ev.Submitted: job_events.SUBMITTED,
    ev.SubmitFailed: job_events.SUBMIT_FAILED,
    ev.JobAbsent: job_events.JOB_ABSENT,
    ev.JobSeen: job_events.JOB_SEEN,
    ev.JobOver: job_events.JOB_OVER,
    ev.Adopted: job_events.ADOPTED,
    ev.StartAsked: operator_requests.START,
    ev.StopAsked: operator_requests.STOP,
    ev.RestartAsked: operator_requests.RESTART,
    ev.EnableAsked: operator_requests.ENABLE,
    ev.DisableAsked: operator_requests.DISABLE,
    ev.Changed: operator_requests.CHANGED,
    ev.Removed: operator_requests.REMOVED,
    ev.Restored: operator_requests.RESTORED,
}

TABLE: Mapping[tuple[State, type], Handler] = {
    (state, event): _COLUMNS[event].get(state, _stay) for state in State for event in ev.EVENTS
}


def decide(record: Record, event: ev.Event, context: Context) -> Decision:
    after = TABLE[record.state, type(event)](record, event, context)
    return Decision(after, _submission(record, after) if after else None)


def _submission(before: Record, after: Record) -> Submit | None:
    """A job that the record did not have before, and that has no id yet, is an intent."""
    job = after.job
    known = before.job.name if before.job else ""
    return Submit(job) if job and not job.job_id and job.name != known else None
