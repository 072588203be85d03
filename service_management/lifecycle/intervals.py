"""How often what is looked at: every pace of the controller, in seconds.

Fast while something is changing, slow when all is steady: sites ban clients that ask too often.
"""

from __future__ import annotations

from service_management.lifecycle.policy import STRIKES
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase

# The longest wait for the next pass: a job is changing; services are ready; there is none.
PASS_BUSY, PASS_STEADY, PASS_QUIET = 0.1, 0.2, 0.5
# The shortest: a burst of events costs a few passes, not one each. It is far below what a client
# notices, and longer than a pass usually takes.
PASS_PAUSE = 0.015

# The same action for the same job is not started again within this time. squeue shows a job by its
# name too, so Find is needed only to learn that Slurm does not have it.
FIND_EVERY, TUNNEL_EVERY, CANCEL_EVERY = 5.0, 0.5, 5.0

# Most jobs start within a second of their submission, if at all soon. With squeue once a second a
# cold start would lose half a second on average, so a new job is asked about by its id meanwhile:
# a light call, and only while few are new, since squeue serves any number of jobs.
LOOK_EVERY, LOOK_FOR, LOOK_AT_MOST = 0.2, 2.0, 2

# A login without a job is asked for orphans: a submission that was given up as lost may still
# arrive. More often where it never answered, or gave no answer the last time.
TROUBLED_EVERY, IDLE_EVERY = 60.0, 600.0

# Where nothing accepts connections at a starting service's port, its job's sockets are looked at: a
# step on the cluster each time. Most services have loaded by then; each further look waits longer.
SOCKETS_FIRST, SOCKETS_LONGEST, SOCKETS_GROWTH = 10.0, 240.0, 2.0
SOCKETS_GAP = 5.0  # between two looks at one login, for whichever jobs

CATALOGUE_RETRY = 1.0  # a catalogue that could not be taken up, such as with a full disk
FILE_EVERY = 0.25  # services_config.json is looked at
FILE_RETRY = 1.0  # a refused file is read again: a missing key file may be there now
FILE_RETRY_COSTLY = 30.0  # after a refusal by nginx, whose check is slow

SCALING_SAVE = 60.0  # what scaling remembers of the load
SOFT_SAVE = 5.0  # of activity that a crash may lose; never a lifecycle change

CONNECTIONS_EVERY = 5.0  # SSH connections that nothing needs are looked for
CONNECTION_KEPT = 10.0  # after the last service or job that needed it; an edit may be corrected
CLOSE_FIRST, CLOSE_LONGEST = 0.5, 60.0  # between attempts to close the same tunnel


def queue_interval(replica: Replica, now: float) -> float:
    """How often squeue is called on behalf of this replica's job. Once a second is enough for all
    jobs of a login together, however many services start at once."""
    age = now - replica.since
    if not replica.job.job_id:
        return 5.0  # sbatch is running, or its answer was lost
    if replica.phase is Phase.READY:
        # One that does not answer may have lost its job: Slurm knows sooner than three strikes.
        if replica.strikes:
            return 1.0
        # Silence counts only as far as the login is known to have answered meanwhile.
        return 5.0 if replica.silence else 12.0
    if replica.phase is Phase.STARTING:
        return _pace(age, ((120, 1.0),), 5.0)
    if not replica.live and not replica.cancelled:
        return 5.0
    return _pace(age, ((30, 1.0), (300, 2.0)), 5.0)


def is_new(replica: Replica, now: float) -> bool:
    """Submitted so recently that its job is worth a look of its own."""
    job = replica.job
    if replica.phase is not Phase.QUEUED or not job.job_id:
        return False
    return now - (job.submitted_at or 0.0) < LOOK_FOR


def probe_interval(replica: Replica, now: float) -> float:
    if replica.phase is Phase.READY:
        silence = replica.silence
        # Not for long: each check of a silent service occupies a thread for seconds.
        newly_silent = silence is not None and silence.checks < STRIKES
        return 1.0 if replica.strikes or newly_silent else 10.0
    return _pace(now - replica.since, ((10, 0.1), (60, 0.25)), 1.0)


def _pace(age: float, steps: tuple[tuple[float, float], ...], last: float) -> float:
    return next((interval for limit, interval in steps if age < limit), last)
