"""Why an attempt failed, in words: from what Slurm says of the job's end, and from what the last
health check saw."""

from __future__ import annotations

from service_management.lifecycle.events import JobOver
from service_management.lifecycle.job_views import JobEnd
from service_management.lifecycle.record import Failure
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import TEXT, Reason

BACKGROUNDED = (
    "the batch script ended while its server was in the background: "
    "end it with `wait`, or start the server in the foreground"
)

NOT_LAUNCHED = (
    "Slurm could not start the batch script on the node: "
    "are the directories of --chdir and --output there, and writable?"
)

# Slurm's reasons that repeat the state, the signal or the exit code.
_SAID_BY_STATE = {"None", "NonZeroExitCode", "OutOfMemory", "RaisedSignal", "TimeLimit"}


def failure_of(replica: Replica, event: JobOver, reason: Reason, now: float) -> Failure:
    end, job, given_up = event.end, replica.job, replica.cancelled
    return Failure(
        at=now,
        reason=reason,
        text=_given_up(job, reason) if given_up else how_it_ended(end, reason),
        job_id=end.job_id,
        slurm_state=end.state,
        exit_code=end.exit_code,
        signal=end.signal,
        node=end.node or job.node,
        output=_own_lines(end.output) if given_up else end.output,
        output_file=end.output_file,
        command=event.command,
    )


def how_it_ended(end: JobEnd, reason: Reason) -> str:
    """One line for people: which job, how it ended, and Slurm's own reason where there is one."""
    how = f"Slurm says {end.state}"
    if end.signal:
        how += f", killed by signal {end.signal}"
    elif end.exit_code is not None:
        how += f", exit code {end.exit_code}"
    if end.reason and end.reason not in _SAID_BY_STATE:
        how += f" ({end.reason})"
    return f"{_cause(end, reason)} (job {end.job_id}: {how})"


def _cause(end: JobEnd, reason: Reason) -> str:
    if end.backgrounded:
        return BACKGROUNDED
    return NOT_LAUNCHED if end.reason == "JobLaunchFailure" else TEXT[reason]


def _given_up(job: Job, reason: Reason) -> str:
    """What Slurm says of the end would be about the gateway's own scancel."""
    seen = job.last_check()
    text = TEXT[reason] + (f": {seen}" if seen else "")
    stop = "" if text.endswith("?") else "."
    return f"{text}{stop} Job {job.job_id} was cancelled by the gateway"


def _own_lines(output: tuple[str, ...]) -> tuple[str, ...]:
    """Without what slurmstepd, srun and the shell say of a scancel, which hides the service's own
    last words."""
    return tuple(line for line in output if not _is_about_the_cancelling(line))


def _is_about_the_cancelling(line: str) -> bool:
    if "CANCELLED AT" in line and ("*** JOB" in line or "*** STEP" in line):
        return "DUE TO" not in line  # a time limit, say, is not the gateway's doing
    if line.startswith("srun: "):
        return line.endswith((": Terminated", ": Killed")) or "Job step aborted" in line
    return "/slurm_script: line " in line and ("Terminated" in line or "Killed" in line)
