"""How many replicas are wanted, and the sentence that says why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from service_management.lifecycle.load_samples import LoadSamples
from service_management.lifecycle.scaling import (
    Capacity,
    ScalingDecision,
    ScalingLimits,
    decide_scale,
)
from service_management.lifecycle.scaling_state import ScalingState

LIMITS = ScalingLimits(target_inflight=8, most=10, scale_down_delay=600)
LATER = 1000.0


class Scaler:
    """A service whose load and replicas the test sets, second by second."""

    def __init__(self, limits: ScalingLimits = LIMITS, **replicas: int) -> None:
        self.limits, self.replicas = limits, Capacity(**replicas)
        self.now, self.state = LATER, ScalingState()

    def runs(self, seconds: int, load: float | None) -> ScalingDecision:
        for _ in range(seconds):
            for _ in range(5):
                self.state = self.state.observed(self.now, load)
                self.now += 0.2
            self.now = round(self.now)
            decision = self.decides()
        return decision

    def submits(self, seconds: int, load: float | None) -> int:
        return self.runs(seconds, load).submissions(self.replicas)

    def decides(self) -> ScalingDecision:
        moment = self.now - 0.1
        self.state, decision = decide_scale(self.state, self.limits, self.replicas, moment)
        return decision

    def has(self, **replicas: int) -> None:
        self.replicas = Capacity(**replicas)

    def restarts(self) -> None:
        stored = json.loads(json.dumps(self.state.to_json()))
        self.state = ScalingState.resumed(stored, self.now)


@pytest.mark.parametrize(
    ("load", "wanted"),
    [(0, 1), (0.1, 1), (8, 1), (8.1, 2), (16, 2), (17, 3), (30, 4), (80, 10), (81, 10), (3000, 10)],
)
def test_a_steady_load_is_divided_by_the_target(load: float, wanted: int) -> None:
    assert Scaler(ready=1).runs(70, load).wanted == wanted


def test_the_first_requests_are_not_averaged_with_nothing() -> None:
    assert Scaler().runs(1, 30).wanted == 4


def test_a_minute_is_averaged() -> None:
    scaler = Scaler(ready=2)
    scaler.runs(60, 8)
    assert scaler.runs(5, 20).wanted == 2
    assert scaler.runs(60, 20).wanted == 3


def test_twice_the_load_within_seconds_is_a_panic() -> None:
    scaler = Scaler(ready=1)
    scaler.runs(60, 1)
    decision = scaler.runs(6, 40)
    assert decision.wanted == 5
    assert "over the last 6 s" in decision.reason


def test_in_a_panic_nothing_goes_for_a_minute() -> None:
    limits = replace(LIMITS, scale_down_delay=0)
    scaler = Scaler(limits, ready=1)
    scaler.runs(60, 1)
    scaler.runs(6, 40)
    scaler.has(ready=5)
    assert scaler.runs(59, 1).reason.endswith("; 5 are kept until 60 s after the last peak")
    scaler.runs(62, 1)
    assert scaler.decides().wanted == 1


def test_queued_and_loading_jobs_calm_a_panic() -> None:
    """Ready ones alone would panic for as long as a model loads."""
    scaler = Scaler(ready=1, starting=1, pending=1)
    scaler.runs(60, 1)
    scaler.runs(6, 20)
    assert scaler.state.panicked_at is None


def test_the_largest_need_of_the_delay_remains() -> None:
    scaler = Scaler(ready=3)
    scaler.runs(60, 20)
    assert scaler.runs(600, 5).wanted == 3
    assert scaler.runs(60, 5).wanted == 1


def test_a_delay_of_seconds_is_no_minute_for_running_replicas() -> None:
    scaler = Scaler(replace(LIMITS, scale_down_delay=5), ready=3)
    scaler.runs(60, 20)
    assert scaler.runs(50, 1).wanted == 1


def test_the_delay_starts_nothing() -> None:
    scaler = Scaler(ready=3)
    scaler.runs(60, 20)
    scaler.runs(70, 5)
    scaler.has(ready=2)
    decision = scaler.runs(1, 5)
    assert (decision.wanted, decision.submissions(scaler.replicas)) == (2, 0)


def test_a_queued_job_goes_before_a_ready_one() -> None:
    scaler = Scaler(ready=2, pending=1)
    scaler.runs(60, 20)
    assert scaler.runs(60, 5).wanted == 3
    assert scaler.runs(60, 5).wanted == 2
    assert scaler.runs(600, 5).wanted == 1


def test_a_loading_job_is_kept_like_a_ready_one() -> None:
    scaler = Scaler(ready=1, starting=2)
    scaler.runs(60, 20)
    assert scaler.runs(300, 5).wanted == 3


def test_queued_and_loading_jobs_count_as_capacity() -> None:
    assert Scaler(ready=1, starting=1, pending=1).submits(60, 20) == 0


def test_one_job_waits_in_the_queue_then_two_then_four() -> None:
    scaler = Scaler(ready=1)
    assert scaler.submits(1, 72) == 1
    scaler.has(ready=1, pending=1)
    decision = scaler.runs(13, 72)
    assert decision.submissions(scaler.replicas) == 0
    assert decision.reason.endswith("9 replicas; 1 may queue at a time")
    assert scaler.submits(2, 72) == 1
    scaler.has(ready=1, pending=2)
    assert scaler.submits(15, 72) == 2
    scaler.has(ready=1, pending=4)
    assert scaler.submits(15, 72) == 4


def test_a_decision_that_was_carried_out_starts_no_more() -> None:
    """It counts until the next one, a second later."""
    decision = Scaler(ready=1).runs(1, 72)
    assert decision.submissions(Capacity(ready=1)) == 1
    assert decision.submissions(Capacity(ready=1, pending=1)) == 0
    assert decision.submissions(Capacity(ready=1, starting=1)) == 1
    assert decision.submissions(Capacity(ready=9)) == 0


def test_a_job_that_runs_makes_room_in_the_queue() -> None:
    scaler = Scaler(ready=1, starting=1)
    assert scaler.submits(1, 40) == 1


def test_the_queue_is_short_again_for_the_next_peak() -> None:
    scaler = Scaler(ready=1)
    scaler.runs(40, 40)
    scaler.has(ready=5)
    scaler.runs(1, 40)
    scaler.has(ready=1)
    assert scaler.submits(1, 40) == 1


def test_what_the_operator_asks_for_is_submitted_at_once() -> None:
    assert Scaler(replace(LIMITS, least=4)).submits(1, 0) == 4


def test_without_a_count_the_last_number_remains() -> None:
    scaler = Scaler(ready=3)
    scaler.runs(60, 20)
    scaler.runs(120, None)
    decision = scaler.runs(900, None)
    assert decision.wanted == 3
    assert decision.reason == (
        "The number of requests is not known at the moment: 3 replicas as before"
    )


def test_without_a_count_a_lost_replica_is_replaced() -> None:
    scaler = Scaler(ready=3)
    scaler.runs(60, 20)
    scaler.runs(10, None)
    scaler.has(ready=2)
    assert scaler.submits(1, None) == 1


def test_without_any_count_no_replica_is_given_up() -> None:
    assert Scaler(ready=3).runs(100, None).wanted == 3


def test_seconds_without_a_count_are_left_out_of_the_mean() -> None:
    scaler = Scaler(ready=2)
    scaler.runs(30, 16)
    scaler.runs(5, None)
    assert "16 requests" in scaler.runs(1, 16).reason


def test_limits_hold_without_a_count_too() -> None:
    assert Scaler(replace(LIMITS, most=2), ready=3).runs(1, None).wanted == 2
    assert Scaler(replace(LIMITS, least=2), ready=1).runs(1, None).wanted == 2


def test_a_restart_keeps_the_scale() -> None:
    scaler = Scaler(ready=3)
    scaler.runs(60, 20)
    scaler.restarts()
    assert scaler.runs(300, 1).wanted == 3
    assert scaler.runs(400, 1).wanted == 1


def test_a_restart_in_a_panic_keeps_the_scale() -> None:
    scaler = Scaler(ready=1)
    scaler.runs(60, 1)
    scaler.runs(6, 40)
    scaler.restarts()
    assert scaler.runs(1, 1).wanted == 5


@pytest.mark.parametrize("stored", [None, {}, [], {"samples": 1}, "x", {"samples": {"second": 1}}])
def test_without_a_readable_past_nothing_goes_for_a_minute(stored: Any) -> None:
    scaler = Scaler(replace(LIMITS, scale_down_delay=0), ready=2, pending=1)
    scaler.state = ScalingState.resumed(stored, scaler.now)
    assert scaler.runs(59, 1).wanted == 3
    scaler.runs(3, 1)
    assert scaler.decides().wanted == 1


def test_after_hours_away_the_old_samples_do_not_count() -> None:
    scaler = Scaler(ready=1)
    scaler.runs(60, 40)
    scaler.now += 7200
    scaler.restarts()
    assert scaler.runs(1, 1).wanted == 1


def test_the_least_and_the_most_hold_at_once() -> None:
    scaler = Scaler(ready=5)
    scaler.runs(60, 40)
    scaler.limits = replace(LIMITS, most=2)
    assert scaler.decides().wanted == 2
    scaler.limits = replace(LIMITS, least=7)
    assert scaler.decides().wanted == 7


def test_a_smaller_least_needs_no_delay() -> None:
    scaler = Scaler(replace(LIMITS, least=3), ready=3)
    scaler.runs(60, 1)
    scaler.limits = LIMITS
    assert scaler.decides().wanted == 1


REASONS = [
    (
        LIMITS,
        {"ready": 4},
        30,
        "30 requests in flight or waiting on average over the last minute, "
        "8 per replica: 4 replicas",
    ),
    (
        LIMITS,
        {"ready": 1},
        1,
        "1 request in flight or waiting on average over the last minute, 8 per replica: 1 replica",
    ),
    (
        replace(LIMITS, most=3),
        {"ready": 3},
        30,
        "30 requests in flight or waiting on average over the last minute, "
        "8 per replica: 4 replicas; max_replicas is 3",
    ),
    (
        replace(LIMITS, least=2, least_because="its schedule, Mon-Fri 08:00-18:00"),
        {"ready": 2},
        0,
        "0 requests in flight or waiting on average over the last minute, "
        "8 per replica: 0 replicas; 2 are kept by its schedule, Mon-Fri 08:00-18:00",
    ),
    (
        LIMITS,
        {"ready": 1},
        0,
        "0 requests in flight or waiting on average over the last minute, "
        "8 per replica: 0 replicas; 1 is kept while the service is in use",
    ),
    (
        LIMITS,
        {"ready": 2, "pending": 1},
        30,
        "30 requests in flight or waiting on average over the last minute, "
        "8 per replica: 4 replicas",
    ),
]


@pytest.mark.parametrize(("limits", "replicas", "load", "reason"), REASONS)
def test_the_reason_says_how_the_number_came_about(
    limits: ScalingLimits, replicas: dict[str, int], load: float, reason: str
) -> None:
    assert Scaler(limits, **replicas).runs(60, load).reason == reason


def test_the_reason_names_the_delay_that_keeps_replicas() -> None:
    scaler = Scaler(ready=3)
    scaler.runs(60, 20)
    assert scaler.runs(200, 5).reason == (
        "5 requests in flight or waiting on average over the last minute, 8 per replica: "
        "1 replica; 3 are kept until fewer have been enough for 600 s (scale_down_delay)"
    )


def test_the_load_is_rounded_up_as_the_number_is() -> None:
    assert "16.1 requests" in Scaler(ready=3).runs(60, 16.01).reason


def test_the_ring_is_bounded_and_small_as_json() -> None:
    samples = LoadSamples()
    for second in range(1000):
        samples = samples.added(float(second), 123.4567)
    assert len(samples.means) == 59
    assert len(json.dumps(samples.to_json())) < 600


def test_a_gap_in_the_ring_is_unknown() -> None:
    samples = LoadSamples().added(100.0, 8).added(103.5, 4).added(103.9, 6)
    assert samples.to_json() == {"second": 103, "means": [8.0, None, None, 5.0]}
    assert LoadSamples.from_json(samples.to_json()).mean() == 6.5
    assert samples.added(500.0, 1).mean() == 1
    assert samples.added(90.0, 1).mean() == 1  # the clock is behind: begun again
