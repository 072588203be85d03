"""Scaling over whole courses of load: bursts, waves, ramps and noise, with replicas that start."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service_management.lifecycle.scaling import (
    Capacity,
    ScalingDecision,
    ScalingLimits,
    decide_scale,
)
from service_management.lifecycle.scaling_state import ScalingState

TARGET = 8
LIMITS = ScalingLimits(target_inflight=TARGET, most=64, scale_down_delay=300)
unhurried = settings(deadline=None, max_examples=25)

Trace = Callable[[int], float | None]


@dataclass
class Cluster:
    """Replicas that queue and load for so many seconds each."""

    queue: int = 5
    load: int = 20
    ready: int = 1
    submitted: tuple[int, ...] = ()

    def at(self, now: int) -> Capacity:
        started = sum(now - at >= self.queue + self.load for at in self.submitted)
        self.ready += started
        self.submitted = self.submitted[started:]
        pending = sum(now - at < self.queue for at in self.submitted)
        return Capacity(self.ready, len(self.submitted) - pending, pending)

    def follow(self, decision: ScalingDecision, capacity: Capacity, now: int) -> None:
        """Surplus goes in the order queued, loading, ready."""
        self.submitted += (now,) * decision.submissions(capacity)
        surplus = max(0, self.ready + len(self.submitted) - decision.wanted)
        kept = max(0, len(self.submitted) - surplus)
        self.ready -= surplus - (len(self.submitted) - kept)
        self.submitted = self.submitted[:kept]


def followed(
    trace: Trace, seconds: int, limits: ScalingLimits = LIMITS, cluster: Cluster | None = None
) -> list[tuple[int, Capacity]]:
    """The number wanted, and the replicas there are, second by second."""
    cluster, state, course = cluster or Cluster(), ScalingState(), []
    for now in range(seconds):
        capacity = cluster.at(now)
        state, decision = decide_scale(state.observed(now, trace(now)), limits, capacity, now)
        cluster.follow(decision, capacity, now)
        course.append((decision.wanted, capacity))
    return course


def numbers(course: list[tuple[int, Capacity]]) -> list[int]:
    return [wanted for wanted, _ in course]


def turns(wanted: list[int]) -> int:
    """How often the number went up again after it had gone down."""
    steps = [b - a for a, b in pairwise(wanted) if a != b]
    return sum(a < 0 < b for a, b in pairwise(steps))


def burst(second: int) -> float:
    """Nothing, then 3,000 requests at once for two minutes, then nothing."""
    return 3000 if 60 <= second < 180 else 0


def saw_tooth(second: int) -> float:
    return (second % 120) / 120 * 80


def slow_ramp(second: int) -> float:
    return second / 1800 * 160


def noisy(mean: float, seed: int) -> Trace:
    """As many as are in flight where requests come independently of each other."""
    values = random.Random(seed)
    course = [max(0.0, values.gauss(mean, math.sqrt(mean))) for _ in range(1300)]
    return course.__getitem__


@pytest.mark.parametrize("limit", [10, 64])
def test_a_burst_is_followed_within_seconds(limit: int) -> None:
    course = numbers(followed(burst, 200, replace(LIMITS, most=limit)))
    assert max(course[:60]) == 1
    assert course[66] == limit
    assert max(course) == limit


def test_a_burst_is_over_after_the_delay() -> None:
    course = numbers(followed(burst, 900))
    assert course[180 + 60 + 300 + 70] == 1
    assert turns(course) == 0


def test_a_burst_submits_a_few_jobs_at_a_time() -> None:
    """While the queue does not move, however many are wanted."""
    course = followed(burst, 135, cluster=Cluster(queue=1000))
    assert [course[at][1].pending for at in (64, 70, 85, 100, 115, 130)] == [1, 1, 2, 4, 8, 16]


def test_a_saw_tooth_is_served_at_its_height_without_flapping() -> None:
    """Its mean over a minute lies between 20 and 60 of 80."""
    course = numbers(followed(saw_tooth, 3600))[360:]
    assert turns(course) == 0
    assert math.ceil(60 / TARGET) <= max(course) <= math.ceil(80 / TARGET)


def test_a_slow_ramp_is_followed_step_by_step() -> None:
    """Never more than it needs, and a minute behind at most."""
    course = followed(slow_ramp, 1800)
    for second, (wanted, _) in enumerate(course):
        assert wanted <= max(1, math.ceil(slow_ramp(second) / TARGET))
        assert wanted >= math.ceil(slow_ramp(max(0, second - 60)) / TARGET)
    assert numbers(course) == sorted(numbers(course))


def test_a_ramp_has_its_replicas_once_they_are_loaded() -> None:
    course = followed(slow_ramp, 1800, cluster=Cluster(queue=10, load=60))
    for second in range(300, 1800):
        before = slow_ramp(second - 60 - 10 - 60 - 20)  # mean, queue, load, queue's limit
        assert course[second][1].ready >= math.ceil(before / TARGET)


@settings(deadline=None, max_examples=10)
@given(mean=st.floats(0.5, 200), seed=st.integers(0, 10**6))
def test_noise_neither_flaps_nor_overshoots(mean: float, seed: int) -> None:
    """In ten minutes, once the first ones are forgotten."""
    needed = math.ceil(mean / TARGET)
    limits = replace(LIMITS, scale_down_delay=600)
    course = numbers(followed(noisy(mean, seed), 1300, limits, Cluster(ready=needed)))[660:]
    assert turns(course) <= 1
    assert needed - 1 <= min(course) <= max(course) <= needed + 1


levels = st.lists(st.floats(0, 500) | st.none(), min_size=1, max_size=20)


def stepped(steps: list[float | None], each: int = 10) -> Trace:
    return lambda second: steps[min(second // each, len(steps) - 1)]


@unhurried
@given(steps=levels)
def test_no_more_is_wanted_than_the_peak_needs(steps: list[float | None]) -> None:
    peak = max((step for step in steps if step is not None), default=0.0)
    most = max(1, math.ceil(peak / TARGET))
    course = followed(stepped(steps), len(steps) * 10)
    assert max(numbers(course)) <= min(64, most)
    assert all(capacity.total <= most for _, capacity in course)


@unhurried
@given(steps=levels, more=st.floats(0, 50), data=st.data())
def test_more_load_never_wants_fewer(
    steps: list[float | None], more: float, data: st.DataObject
) -> None:
    capacity = Capacity(*data.draw(st.tuples(*[st.integers(0, 9)] * 3)))
    heavier = [None if step is None else step + more for step in steps]

    def wanted(loads: list[float | None]) -> Iterator[int]:
        state = ScalingState()
        for now in range(len(loads) * 10):
            state = state.observed(now, stepped(loads)(now))
            state, decision = decide_scale(state, LIMITS, capacity, now)
            yield decision.wanted

    assert all(a <= b for a, b in zip(wanted(steps), wanted(heavier), strict=True))


@unhurried
@given(steps=levels, replicas=st.tuples(*[st.integers(0, 9)] * 3), least=st.integers(0, 5))
def test_the_number_is_within_its_limits(
    steps: list[float | None], replicas: tuple[int, int, int], least: int
) -> None:
    limits, state = replace(LIMITS, least=least, most=5), ScalingState()
    for now in range(len(steps) * 10):
        state = state.observed(now, stepped(steps)(now))
        state, decision = decide_scale(state, limits, Capacity(*replicas), now)
        assert max(1, least) <= decision.wanted <= 5
        assert decision.submissions(Capacity(*replicas)) <= max(0, decision.wanted - sum(replicas))


@unhurried
@given(steps=levels, stop=st.integers(1, 199))
def test_a_restart_at_any_moment_wants_no_fewer(steps: list[float | None], stop: int) -> None:
    """A store that is a minute old: what was there is kept for a minute at least."""
    cluster, state, saved = Cluster(), ScalingState(), None
    for now in range(stop):
        state = state.observed(now, stepped(steps)(now))
        if now % 60 == 0:
            saved = state.to_json()
        capacity = cluster.at(now)
        state, decision = decide_scale(state, LIMITS, capacity, now)
        cluster.follow(decision, capacity, now)
    there, state = cluster.at(stop), ScalingState.resumed(saved, stop)
    for now in range(stop, stop + 60):
        state, decision = decide_scale(state.observed(now, 0), LIMITS, there, now)
        assert decision.wanted >= there.total
