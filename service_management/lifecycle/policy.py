"""What a service's configuration means: idleness, budgets, back-off. Functions of the records and
of the time they are given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica, Silence

# A submission whose answer was lost can still take effect until its deadline on the
# login host has passed and its sbatch has ended (25 s and 22 s, see slurm/client.py).
SUBMIT_SETTLED = 60.0
ABSENT_CONFIRMED = 5.0  # and Slurm must say twice, this far apart, that it has no such job

STABLE_AFTER = 60.0  # a service that served this long did start: its failures are forgotten
DEMAND_COVERS = 0.5  # nginx reports one request in half a second, on behalf of those that follow
STRIKES = 3  # failed health checks in a row before a ready replica is taken off its route
SILENT_FOR = 120.0  # seconds at least before silence counts where no other replica answers
BACKOFF_FIRST, BACKOFF_MAX = 2.0, 300.0


@dataclass(frozen=True)
class Policy:
    """The numbers of one service, in seconds."""

    timeout: float
    startup_timeout: float = 1800.0
    queue_timeout: float = 3600.0
    drain_timeout: float = 600.0
    min_replicas: int = 0
    max_replicas: int = 1
    # Two jobs of it may share a node. Else a successor waits until the port is free.
    own_ports: bool = False
    min_because: str = "min_replicas"  # or the schedule, whose hours change the number
    target_inflight: int = 8
    scale_down_delay: float = 600.0

    @property
    def always_on(self) -> bool:
        return self.min_replicas > 0


def in_use(record: ServiceRecord, policy: Policy) -> bool:
    """It should have a replica."""
    return record.enabled and not record.removed and (record.demand or policy.always_on)


def has_room(record: ServiceRecord, slot: int, policy: Policy) -> bool:
    """Whether a job that is found on the cluster may be this service's, in this slot."""
    free = all(one.slot != slot for one in record.replicas)
    may_run = record.enabled and not record.removed
    return free and may_run and len(record.replicas) < policy.max_replicas


def backoff(failures: int) -> float:
    return min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** max(0, min(failures, 20) - 1))


def idle(record: ServiceRecord, policy: Policy, now: float) -> bool:
    return not policy.always_on and now - record.last_activity >= policy.timeout


def queue_patience_over(record: ServiceRecord, policy: Policy, now: float) -> bool:
    return not policy.always_on and now - record.last_demand >= policy.queue_timeout


def startup_over(replica: Replica, policy: Policy) -> bool:
    """Only time in which health checks reached the node counts: while the control plane or SSH is
    away, a service that has long been healthy would look as if it never became so."""
    return replica.startup_used >= policy.startup_timeout


def drain_over(replica: Replica, policy: Policy, now: float) -> bool:
    return now - replica.since >= policy.drain_timeout


def silence_over(silence: Silence, policy: Policy, *, others: bool) -> bool:
    """A busy service does not answer its health path either, so silence alone proves little. Where
    `others` answer, requests are better off there. Where none does, only what no request survives
    counts: nginx gives up one that gets no byte for as long."""
    if others and silence.others_answer and silence.checks >= STRIKES:
        return True
    return silence.seconds >= max(policy.drain_timeout, SILENT_FOR)


def denied(job: Job, now: float) -> Job:
    """Slurm says that it has no job of this name: noted once a lost submission cannot arrive."""
    settled = now - job.intended_at >= SUBMIT_SETTLED
    return replace(job, absent_since=now) if settled and not job.absent_since else job


def absence_is_final(job: Job, now: float) -> bool:
    """Slurm denied the job's name late enough, and long enough, to be believed."""
    if job.absent_since is None:
        return False
    settled = job.absent_since - job.intended_at >= SUBMIT_SETTLED
    return settled and now - job.absent_since >= ABSENT_CONFIRMED


def served_long(replica: Replica, now: float) -> bool:
    return replica.ready_since is not None and now - replica.ready_since >= STABLE_AFTER
