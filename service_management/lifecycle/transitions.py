"""What an event changes: `(record, event, context) → record'`, without I/O. None: the service is
forgotten.

Events of a job change the replica that has the job: `REPLICA_TABLE` has an entry for every phase ×
event, and `_stay` is a decision too. All others change the service. What follows from that, such as
a submission, is the planner's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service_management.lifecycle import abandonment, demand, health, job_events, operator_requests
from service_management.lifecycle import events as ev
from service_management.lifecycle.decision import Context
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase

ServiceHandler = Callable[..., ServiceRecord | None]
ReplicaHandler = Callable[..., ServiceRecord | None]


def _stay(
    record: ServiceRecord, _replica: Replica, _event: ev.Event, _context: Context
) -> ServiceRecord:
    return record


SERVICE_TABLE: Mapping[type, ServiceHandler] = {
    ev.Demanded: demand.demanded,
    ev.Resumed: demand.resumed,
    ev.Adopted: demand.adopted,
    ev.StartAsked: operator_requests.start,
    ev.StopAsked: operator_requests.stop,
    ev.RestartAsked: operator_requests.restart,
    ev.EnableAsked: operator_requests.enable,
    ev.DisableAsked: operator_requests.disable,
    ev.AbandonAsked: abandonment.abandon,
    ev.Changed: operator_requests.changed,
    ev.Removed: operator_requests.removed,
    ev.Restored: operator_requests.restored,
}
_COLUMNS: Mapping[type, Mapping[Phase, ReplicaHandler]] = {
    ev.Submitted: job_events.SUBMITTED,
    ev.SubmitFailed: job_events.SUBMIT_FAILED,
    ev.JobAbsent: job_events.JOB_ABSENT,
    ev.JobSeen: job_events.JOB_SEEN,
    ev.JobOver: job_events.JOB_OVER,
    ev.Probed: health.PROBED,
}
REPLICA_TABLE: Mapping[tuple[Phase, type], ReplicaHandler] = {
    (phase, event): column.get(phase, _stay)
    for event, column in _COLUMNS.items()
    for phase in Phase
}


def decide(record: ServiceRecord, event: ev.Event, context: Context) -> ServiceRecord | None:
    if not isinstance(event, ev.JobEvent):
        return SERVICE_TABLE[type(event)](record, event, context)
    replica = next((one for one in record.replicas if event.is_about(one.job)), None)
    if replica is None:
        return abandonment.answered(record, event, context)
    return REPLICA_TABLE[replica.phase, type(event)](record, replica, event, context)
