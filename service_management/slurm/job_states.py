"""Every job state Slurm has → the few the lifecycle tells apart."""

from __future__ import annotations

from service_management.lifecycle.job_views import JobPhase

_WAITING, _RUNNING = JobPhase.WAITING, JobPhase.RUNNING
_ENDING, _ENDED = JobPhase.ENDING, JobPhase.ENDED

PHASES: dict[str, JobPhase] = {
    "PENDING": _WAITING,
    "REQUEUED": _WAITING,
    "REQUEUE_FED": _WAITING,
    "REQUEUE_HOLD": _WAITING,
    "SPECIAL_EXIT": _WAITING,  # requeued and held, with a flag for the admin
    "RESV_DEL_HOLD": _WAITING,
    "RESIZING": _RUNNING,
    # Powering up its nodes; the batch script has not started.
    "CONFIGURING": _WAITING,
    "POWER_UP_NODE": _WAITING,
    # Stopped with its memory kept: it answers nobody, and comes back by itself.
    "SUSPENDED": _WAITING,
    "STOPPED": _WAITING,
    "RUNNING": _RUNNING,
    "SIGNALING": _RUNNING,
    "COMPLETING": _ENDING,
    "STAGE_OUT": _ENDING,
    "UPDATE_DB": _ENDING,
    "LAUNCH_FAILED": _ENDED,
    "RECONFIG_FAIL": _ENDED,
    "COMPLETED": _ENDED,
    "FAILED": _ENDED,
    "CANCELLED": _ENDED,
    "TIMEOUT": _ENDED,
    "DEADLINE": _ENDED,
    "OUT_OF_MEMORY": _ENDED,
    "NODE_FAIL": _ENDED,
    "BOOT_FAIL": _ENDED,
    "PREEMPTED": _ENDED,
    "REVOKED": _ENDED,  # a sibling of it runs on another cluster of the federation
    "EXPEDITING": _WAITING,
}


def bare_state(word: str) -> str:
    """sacct writes "CANCELLED by 1000", and cuts what is wider than its column with a "+"."""
    first, _, _ = word.strip().partition(" ")
    return first.rstrip("+").upper()


def phase_of(word: str) -> JobPhase:
    """A state this table does not know changes nothing: UNKNOWN is an answer of its own."""
    return PHASES.get(bare_state(word), JobPhase.UNKNOWN)
