"""How often what is looked at: every pace of the controller, in seconds.

Fast while something is changing, slow when all is steady: sites ban clients that ask too often.
"""

from __future__ import annotations

from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State

# The longest wait for the next pass: a job is changing; services are ready; there is none.
PASS_BUSY, PASS_STEADY, PASS_QUIET = 0.1, 0.2, 0.5

# The same action for the same job is not started again within this time.
FIND_EVERY, TUNNEL_EVERY, CANCEL_EVERY = 1.0, 0.5, 5.0

# A login without a job is asked for orphans: a submission that was given up as lost may still
# arrive. More often where it never answered, or gave no answer the last time.
TROUBLED_EVERY, IDLE_EVERY = 60.0, 600.0


def queue_interval(record: Record, now: float) -> float:
    """How often Slurm is asked about this service's job."""
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
