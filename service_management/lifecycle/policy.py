"""Budgets and paces, as functions of the record and the clock it is given."""

from __future__ import annotations

from dataclasses import dataclass

from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State

# A submission whose answer was lost can still take effect until its deadline on the
# login host has passed and its sbatch has ended (25 s and 22 s, see slurm/client.py).
SUBMIT_SETTLED = 60.0
ABSENT_CONFIRMED = 5.0  # and Slurm must deny knowing the name twice, this far apart

STABLE_AFTER = 60.0  # a service that served this long did start: its failures are forgotten
SPEAKS_FOR = 0.5  # nginx reports one request in half a second: it stands for those after it
STRIKES = 3
BACKOFF_FIRST, BACKOFF_MAX = 2.0, 300.0


@dataclass(frozen=True)
class Policy:
    """What a service's configuration means for its lifecycle."""

    timeout: float
    startup_timeout: float = 1800.0
    queue_timeout: float = 3600.0
    drain_timeout: float = 600.0
    always_on: bool = False


def backoff(failures: int) -> float:
    return min(BACKOFF_MAX, BACKOFF_FIRST * 2.0 ** max(0, min(failures, 20) - 1))


def idle(record: Record, policy: Policy, now: float) -> bool:
    return not policy.always_on and now - record.last_activity >= policy.timeout


def queue_patience_over(record: Record, policy: Policy, now: float) -> bool:
    return not policy.always_on and now - record.last_demand >= policy.queue_timeout


def startup_over(record: Record, policy: Policy, now: float) -> bool:
    return now - record.since >= policy.startup_timeout


def drain_over(record: Record, policy: Policy, now: float) -> bool:
    return record.hurry or now - record.since >= policy.drain_timeout


def absence_is_final(record: Record, now: float) -> bool:
    """Slurm denied the job's name late enough, and long enough, to be believed."""
    job = record.job
    if job is None or job.absent_since is None:
        return False
    settled = job.absent_since - job.intended_at >= SUBMIT_SETTLED
    return settled and now - job.absent_since >= ABSENT_CONFIRMED


def watch_interval(record: Record, now: float) -> float:
    """How often Slurm is asked about it: at once while something moves, rarely when steady."""
    age = now - record.since
    if record.state is State.READY:
        # One that does not answer may have lost its job: Slurm knows sooner than three strikes.
        return 12.0 if record.strikes == 0 else 1.0
    if record.state is State.STARTING:
        return _pace(age, ((10, 0.5), (120, 1.0)), 5.0)
    if record.state is State.DRAINING and record.job and not record.job.cancelled:
        return 5.0
    return _pace(age, ((5, 0.15), (30, 0.5), (300, 2.0)), 5.0)


def probe_interval(record: Record, now: float) -> float:
    if record.state is State.READY:
        return 10.0 if record.strikes == 0 else 1.0
    return _pace(now - record.since, ((10, 0.1), (60, 0.25)), 1.0)


def _pace(age: float, steps: tuple[tuple[float, float], ...], last: float) -> float:
    return next((interval for limit, interval in steps if age < limit), last)
