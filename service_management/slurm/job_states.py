"""Slurm's job states, reduced to the few phases that the lifecycle tells apart."""

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
    # The nodes are powering up; the batch script has not started.
    "CONFIGURING": _WAITING,
    "POWER_UP_NODE": _WAITING,
    # Stopped with its memory kept: it does not answer now, and continues by itself.
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
    "REVOKED": _ENDED,  # a sibling job runs on another cluster of the federation
    "EXPEDITING": _WAITING,
}


def bare_state(word: str) -> str:
    """sacct writes "CANCELLED by 1000", and marks a word that it cut with a "+"."""
    first, _, _ = word.strip().partition(" ")
    return first.rstrip("+").upper()


def phase_of(word: str) -> JobPhase:
    """A state that is not in the table is UNKNOWN, and changes nothing."""
    return PHASES.get(bare_state(word), JobPhase.UNKNOWN)
