"""What a service is doing, why, and what happens next, as sentences. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service_management.controller.snapshot import ServiceSnapshot
from service_management.lifecycle.failure_text import BACKGROUNDED
from service_management.lifecycle.states import TEXT, Reason, State
from service_management.slurm.reasons import explain_pending
from service_management.time_text import at_most, duration, moment

Sentence = Callable[[ServiceSnapshot, float], str]


def explain(view: ServiceSnapshot, now: float) -> str:
    """The state, the reason, and why the cluster cannot be reached if it cannot. What happens next
    is in `upcoming`, and is not said here."""
    text = _STATES[view.record.state](view, now) + _earlier_attempt(view)
    said = view.record.state is State.DISABLED or view.trouble.rstrip(".") in text
    return text if said else text + trouble(view)


def explain_alone(view: ServiceSnapshot, now: float) -> str:
    """Where it is all that a client gets: with what a next request would do."""
    sentence = explain(view, now)
    if view.record.state in (State.QUEUED, State.STARTING, State.READY, State.DISABLED):
        return sentence
    following = upcoming(view, now)
    return f"{sentence} {following[0].upper()}{following[1:]}."


def trouble(view: ServiceSnapshot) -> str:
    """To be appended to other sentences; empty if the cluster answers."""
    return view.trouble and f" The cluster does not answer at the moment: {view.trouble}"


def upcoming(view: ServiceSnapshot, now: float) -> str:
    """What happens next if no request and no operator intervenes."""
    return _NEXT[view.record.state](view, now)


def _queued_next(view: ServiceSnapshot, now: float) -> str:
    left = view.record.last_demand + view.service.queue_timeout - now
    return f"cancelled in {at_most(left)} unless a request comes or Slurm starts it"


def _starting_next(view: ServiceSnapshot, _now: float) -> str:
    leader = view.record.leader
    left = view.service.startup_timeout - (leader.startup_used if leader else 0.0)
    path = _health_path(view)
    return f"ready when it answers {path}; cancelled in {at_most(left)} if it does not"


def _health_path(view: ServiceSnapshot) -> str:
    """Without its query, which may hold a secret."""
    return view.service.check_health_path.partition("?")[0]


def _failed_next(view: ServiceSnapshot, now: float) -> str:
    left = view.record.retry_at - now
    when = f", in {at_most(left)} at the earliest" if left > 0 else ""
    return f"a request tries again{when}"


def _draining_next(view: ServiceSnapshot, _now: float) -> str:
    again = view.record.demand
    return "starts again when its job has ended" if again else "cold when its job has ended"


def _ready_next(view: ServiceSnapshot, now: float) -> str:
    if view.stays:
        return f"stays running ({view.scale.least_because})"
    if view.inflight:
        return f"cancelled {at_most(view.service.timeout)} after its last request ends"
    left = view.record.last_activity + view.service.timeout - now
    return f"cancelled in {at_most(left)} unless a request comes"


def _queued(view: ServiceSnapshot, now: float) -> str:
    job = view.record.job
    if job is None or not job.job_id:
        return "The job is being submitted to Slurm."
    reason = explain_pending(job.slurm_reason).rstrip(".") if job.slurm_reason else ""
    why = ", ".join(filter(None, (reason, job.placement())))
    text = f"Job {job.job_id} is waiting in Slurm's queue{why and f': {why}'}."
    if not job.estimated_start:
        return f"{text} Slurm gives no estimate of its start."
    left, at = at_most(job.estimated_start - now), moment(job.estimated_start, now)
    return f"{text} Slurm expects to start it in {left}, at {at}."


def _starting(view: ServiceSnapshot, now: float) -> str:
    record, job = view.record, view.record.job
    what = f"Job {job.job_id} has been running on {job.node}" if job else "The job has been running"
    seen = last_check(view, now)
    if not seen:
        path = _health_path(view)
        seen = f"the service does not answer its health path {path} yet"
    finding = job.finding if job else None
    if record.reason is Reason.UNVERIFIED and (finding is None or finding.unverified):
        seen = f"{TEXT[Reason.UNVERIFIED]} (verify)" + (f": {seen}" if finding else "")
    return full_stop(f"{what} for {duration(now - record.since)}; {seen}")


def last_check(view: ServiceSnapshot, now: float) -> str:
    """As a clause; empty if it saw nothing, or if all was well."""
    job = view.record.job
    return job.last_check(now - view.record.since) if job else ""


def attempt(view: ServiceSnapshot) -> int | None:
    """The number of the attempt that is under way, since the last success."""
    under_way = view.record.state in (State.QUEUED, State.STARTING)
    return view.record.failures + 1 if under_way else None


def _earlier_attempt(view: ServiceSnapshot) -> str:
    number, failure, job = attempt(view), view.record.last_failure, view.record.job
    if number is None or number == 1 or failure is None:
        return ""
    seen = job.last_check() if job else ""
    same = bool(seen) and seen in failure.text
    why = " in the same way" if same else f": {failure.text}"
    return full_stop(f" This is attempt {number}; the last one failed{why}")


def full_stop(text: str) -> str:
    text = text.rstrip(".")
    return text if text.endswith("?") else f"{text}."


def _ready(view: ServiceSnapshot, _now: float) -> str:
    limit, held = view.service.max_inflight, view.held
    retiring = next((one.retiring for one in view.record.replicas if one.retiring), None)
    if retiring:
        return f"The service is ready; a new job is to follow this one: {TEXT[retiring]}."
    if limit is None or not held:
        return "The service is ready."
    waiting = "1 request is" if held == 1 else f"{held} requests are"
    return f"The service is ready, and full: {waiting} waiting for a place (max_inflight: {limit})."


def _failed(view: ServiceSnapshot, _now: float) -> str:
    failure, own = view.record.last_failure, TEXT[view.record.reason]
    text = full_stop(failure.text if failure else own)
    # Only a sentence of this project: what Slurm or ssh said may begin with a login or a path.
    return text[0].upper() + text[1:] if text.startswith((own, BACKGROUNDED)) else text


_STATES: Mapping[State, Sentence] = {
    State.COLD: lambda _view, _now: "The service is not running.",
    State.QUEUED: _queued,
    State.STARTING: _starting,
    State.READY: _ready,
    State.DRAINING: lambda view, _now: f"The service's job is ending: {TEXT[view.record.reason]}.",
    State.FAILED: _failed,
    State.DISABLED: lambda _view, _now: "An operator has disabled this service.",
}

_NEXT: Mapping[State, Sentence] = {
    State.COLD: lambda _view, _now: "a request starts it",
    State.QUEUED: _queued_next,
    State.STARTING: _starting_next,
    State.READY: _ready_next,
    State.DRAINING: _draining_next,
    State.FAILED: _failed_next,
    State.DISABLED: lambda _view, _now: "nothing, until an operator enables it",
}
