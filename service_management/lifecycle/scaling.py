"""How many replicas a service in demand wants, and why.

The rules of Knative's autoscaler (KPA), adapted to a cluster where a replica comes after minutes in
a queue:

1. The load is the number of requests in flight and held. Its mean over a minute, divided by
   `target_inflight`, is the number of replicas needed.
2. Panic: if the mean of six seconds is twice what the replicas are for, it counts too, and the
   number does not fall until a minute after the last such moment. Queued and loading jobs count as
   there: Knative compares with ready pods, and would panic for as long as a model loads. Knative
   also rounds up before it compares; then one request too many for one replica is a panic.
3. A replica whose job runs is kept until fewer have been enough for `scale_down_delay`; a queued
   job costs nothing but its place in the queue, so it is kept for a minute. The delay only keeps
   what is there, and starts nothing.
4. Without a count nothing is decided: the last number remains, and no replica is given up. Nor in
   the first minute after a restart, which has no whole mean yet.
5. Of what is missing one job at a time waits in Slurm's queue, then two, four, … the longer it is
   missing: most peaks are over before a second job would have started. What `min_replicas` or the
   schedule ask for is submitted at once.

It is not asked whether a new replica would be ready before the need is over: that depends on
requests that have not come yet. A job that is still queued when the need falls is withdrawn.

Scale to zero is not decided here but by the idle timer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from service_management.lifecycle.load_samples import WINDOW
from service_management.lifecycle.scaling_state import ScalingState

PANIC_WINDOW, PANIC_FACTOR = 6, 2
QUEUE_DOUBLES_EVERY = 15.0  # for so long replicas are missing before twice as many jobs may queue
MOST_DOUBLINGS = 6


@dataclass(frozen=True)
class ScalingLimits:
    """What the configuration asks for at the moment."""

    target_inflight: int
    most: int
    least: int = 0
    least_because: str = "min_replicas"
    scale_down_delay: float = 600.0


@dataclass(frozen=True)
class Capacity:
    """The replicas that count, by phase; those that are being retired do not."""

    ready: int = 0
    starting: int = 0  # the job runs, the service is loading
    pending: int = 0  # the job is queued or being submitted

    @property
    def running(self) -> int:
        return self.ready + self.starting

    @property
    def total(self) -> int:
        return self.running + self.pending


@dataclass(frozen=True)
class ScalingDecision:
    """It is carried out several times before the next one, with the replicas there are then."""

    wanted: int  # replicas, queued ones included
    reason: str
    startable: int  # up to so many replicas jobs are submitted; those above are only kept
    at_once: int  # up to so many at once
    queue: int  # how many of the others may be queued at a time

    def submissions(self, capacity: Capacity) -> int:
        """How many jobs may be submitted now."""
        missing = self.startable - capacity.total
        return max(0, self.at_once - capacity.total, min(missing, self.queue - capacity.pending))


class Claim(NamedTuple):
    """A number of replicas that something asks for. The largest one counts."""

    replicas: int
    because: str
    starts: bool = True  # False: it keeps replicas and starts none


def decide_scale(
    state: ScalingState, limits: ScalingLimits, capacity: Capacity, now: float
) -> tuple[ScalingState, ScalingDecision]:
    """About once a second, after `ScalingState.observed`."""
    state = state.calmed(now)
    load = _load(state, limits, capacity)
    if load is None:
        sentence = "The number of requests is not known at the moment"
        by_load = Claim(state.need, f"{sentence}: {_replicas(state.need)} as before")
    else:
        state = _noted(state, load, limits, now)
        by_load = Claim(load.need, load.sentence(limits))
    claims = [by_load, *_floors(limits), *_kept(state, limits, capacity, now, load is None)]
    return _decision(state, claims, limits, capacity, now)


class MeasuredLoad(NamedTuple):
    """The mean that counts, and the replicas that it calls for."""

    mean: float
    seconds: int
    need: int
    panic: bool

    def sentence(self, limits: ScalingLimits) -> str:
        shown = math.ceil(round(self.mean * 10, 3)) / 10  # up, as the need is: 16.03 needs 3, not 2
        requests = f"{shown:g} {'request' if shown == 1 else 'requests'} in flight or waiting"
        period = "minute" if self.seconds == WINDOW else f"{self.seconds} s"
        ratio = f"{limits.target_inflight} per replica: {_replicas(self.need)}"
        return f"{requests} on average over the last {period}, {ratio}"


def _load(state: ScalingState, limits: ScalingLimits, capacity: Capacity) -> MeasuredLoad | None:
    samples = state.samples
    stable, recent = samples.mean(), samples.mean(PANIC_WINDOW)
    if stable is None or recent is None:
        return None
    panic = recent >= PANIC_FACTOR * limits.target_inflight * max(1, capacity.total)
    if recent > stable and (panic or state.panicked_at is not None):
        return MeasuredLoad(recent, samples.span(PANIC_WINDOW), _needed(recent, limits), panic)
    return MeasuredLoad(stable, samples.span(), _needed(stable, limits), panic)


def _needed(mean: float, limits: ScalingLimits) -> int:
    return math.ceil(round(mean / limits.target_inflight, 6))


def _noted(
    state: ScalingState, load: MeasuredLoad, limits: ScalingLimits, now: float
) -> ScalingState:
    need = min(limits.most, load.need)
    state = state.needing(need, now, max(WINDOW, limits.scale_down_delay))
    return state.panicking(need, now) if load.panic else state


def _floors(limits: ScalingLimits) -> Iterator[Claim]:
    yield Claim(limits.least, f"by {limits.least_because}")
    yield Claim(1, "while the service is in use")


def _kept(
    state: ScalingState, limits: ScalingLimits, capacity: Capacity, now: float, unknown: bool
) -> Iterator[Claim]:
    yield Claim(state.panic_peak, f"until {WINDOW} s after the last peak")
    queued = capacity.total if capacity.pending else 0  # a plan withdraws those that wait first
    for there, delay, key in (
        (queued, WINDOW, ""),
        (capacity.running, limits.scale_down_delay, " (scale_down_delay)"),
    ):
        because = f"until fewer have been enough for {delay:g} s{key}"
        yield Claim(min(there, state.peak(now, delay)), because, starts=False)
    if unknown:
        yield Claim(capacity.total, "as long as it is not known", starts=False)
    elif now - state.resumed_at < WINDOW:
        because = f"for {WINDOW} s after a restart of the control plane"
        yield Claim(capacity.total, because, starts=False)


def _decision(
    state: ScalingState, claims: list[Claim], limits: ScalingLimits, capacity: Capacity, now: float
) -> tuple[ScalingState, ScalingDecision]:
    largest = max(claims, key=lambda claim: claim.replicas)  # of equal ones the first: the load
    startable = min(limits.most, max(claim.replicas for claim in claims if claim.starts))
    missing = startable > capacity.total
    since = now if state.short_since is None else state.short_since
    decision = ScalingDecision(
        wanted=min(limits.most, largest.replicas),
        reason=_reason(claims[0], largest, limits),
        startable=startable,
        at_once=min(limits.most, max(1, limits.least)),
        queue=2 ** min(MOST_DOUBLINGS, int((now - since) // QUEUE_DOUBLES_EVERY)),
    )
    if startable - capacity.total > decision.submissions(capacity):
        text = f"{decision.reason}; {decision.queue} may queue at a time"
        decision = replace(decision, reason=text)
    return replace(state, short_since=since if missing else None), decision


def _reason(by_load: Claim, largest: Claim, limits: ScalingLimits) -> str:
    parts = [by_load.because]
    if largest is not by_load:
        verb = "is" if largest.replicas == 1 else "are"
        parts.append(f"{largest.replicas} {verb} kept {largest.because}")
    if largest.replicas > limits.most:
        parts.append(f"max_replicas is {limits.most}")
    return "; ".join(parts)


def _replicas(number: int) -> str:
    return f"{number} replica" if number == 1 else f"{number} replicas"
