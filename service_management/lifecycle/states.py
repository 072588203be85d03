"""The states of a service, the phases of a replica, and the reasons for being in one."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What a replica is doing. One that is gone has no record."""

    QUEUED = "queued"  # submitted, or about to be; Slurm has not started it
    STARTING = "starting"  # the job is running; it does not answer its health path yet
    READY = "ready"  # routed
    DRAINING = "draining"  # no longer routed; its job is being cancelled, or is ending


class State(StrEnum):
    """What `/info` shows of a service: the phase of its most advanced replica, or why it has none.
    `docs/lifecycle.md` draws how they follow each other."""

    COLD = "cold"  # no job; the next request submits one
    QUEUED = "queued"  # submitted, or about to be; Slurm has not started it
    STARTING = "starting"  # the job is running; the service does not answer its health path yet
    READY = "ready"  # routed
    DRAINING = "draining"  # no longer routed; its job is being cancelled, or is ending
    FAILED = "failed"  # the last attempt failed; the next one waits for its back-off
    DISABLED = "disabled"  # by an operator; requests are refused


class Reason(StrEnum):
    """Why a service is in its state, for programs. `TEXT` says it for people."""

    NONE = ""
    SUBMITTING = "submitting"
    WAITING = "waiting_for_resources"
    LOADING = "loading"
    HEALTHY = "healthy"
    IDLE = "idle"
    QUEUE_TIMEOUT = "queue_timeout"
    STARTUP_TIMEOUT = "startup_timeout"
    SUBMIT_REJECTED = "submit_rejected"
    SUBMIT_LOST = "submit_lost"
    CLUSTER_UNREACHABLE = "cluster_unreachable"
    ENDED_AT_START = "ended_at_start"
    ENDED = "job_ended"
    REQUEUED = "requeued"
    UNHEALTHY = "unhealthy"
    SILENT = "silent"
    UNVERIFIED = "unverified"
    STOPPED = "stopped"
    RESTARTED = "restarted"
    DISABLED = "disabled_by_operator"
    CHANGED = "config_changed"
    REMOVED = "removed_from_config"
    EXPIRING = "walltime_ending"
    ENDING_EARLY = "ending_early"
    NODE_DRAINING = "node_draining"
    PORT_TAKEN = "port_taken"
    ADOPTED = "adopted"
    ABANDONED = "abandoned"


TEXT: dict[Reason, str] = {
    Reason.NONE: "no job; the next request starts one",
    Reason.SUBMITTING: "the job is being submitted",
    Reason.WAITING: "the job is waiting in Slurm's queue",
    Reason.LOADING: "the job is running; the service does not answer its health path yet",
    Reason.HEALTHY: "the service answers its health path",
    Reason.IDLE: "no request came within its timeout",
    Reason.QUEUE_TIMEOUT: "no request came within queue_timeout while its job was queued",
    Reason.STARTUP_TIMEOUT: "the job ran, but the service was not healthy within startup_timeout",
    Reason.SUBMIT_REJECTED: "Slurm refused the job",
    Reason.SUBMIT_LOST: "the submission never reached Slurm",
    Reason.CLUSTER_UNREACHABLE: "the cluster's login node could not be used",
    Reason.ENDED_AT_START: "the job ended before the service became healthy",
    Reason.ENDED: "the job ended while the service was running",
    Reason.REQUEUED: "Slurm put the job back into its queue",
    Reason.UNHEALTHY: "the service stopped answering its health path",
    Reason.SILENT: "its health checks get no answer any more",
    Reason.UNVERIFIED: "something answers the health path, but not provably the service's own job",
    Reason.STOPPED: "an operator stopped it",
    Reason.RESTARTED: "an operator restarted it",
    Reason.DISABLED: "an operator disabled it",
    Reason.CHANGED: "its entry in the configuration changed",
    Reason.REMOVED: "its entry was removed from the configuration",
    Reason.EXPIRING: "the job's walltime is about to end",
    Reason.ENDING_EARLY: "Slurm ends the job before its walltime: preempted, or its limit was cut",
    Reason.NODE_DRAINING: "the node that its job runs on is being drained",
    Reason.PORT_TAKEN: "another process has the job's port on its node",
    Reason.ADOPTED: "its job was found on the cluster and adopted",
    Reason.ABANDONED: "an operator gave up its job, whose end the cluster did not report",
}
