from __future__ import annotations

import math

import pytest

from benchmarks.results import Bound, Line, Rounds, ratio_at_least, ratio_at_most, table


def line(values: tuple[float, ...], base: tuple[float, ...], bound: Bound | None) -> Line:
    return Line("case", "what", "/s", values, "bare", base, bound)


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    seen = line((10.0, 30.0, 90.0), (10.0, 60.0, 30.0), ratio_at_least(1.0))
    assert seen.ratios == (1.0, 0.5, 3.0)
    assert (seen.judged, seen.verdict) == (1.0, "met")


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        (ratio_at_most(1.10), "missed"),
        (ratio_at_most(1.30), "met"),
        (Bound("difference", "≤", 0.3), "met"),
        (Bound("difference", "≤", 0.2), "missed"),
        (Bound("value", "≤", 1.25), "met"),
        (Bound("value", "≥", 1.26), "missed"),
        (None, ""),
    ],
)
def test_a_bound_speaks_of_the_ratio_the_difference_or_the_value(
    bound: Bound | None, verdict: str
) -> None:
    assert line((1.25,), (1.0,), bound).verdict == verdict


def test_a_baseline_that_answered_nothing_is_infinitely_slower() -> None:
    assert line((5.0,), (0.0,), None).ratios == (math.inf,)


def test_rounds_are_interleaved_and_turn_round() -> None:
    order: list[str] = []
    subjects = {name: lambda name=name: order.append(name) for name in ("one", "other")}
    Rounds(2, lambda _: None).of("something", subjects)
    assert order == ["one", "other", "other", "one"]


def test_the_table_shows_range_target_and_both_figures() -> None:
    text = table([line((9500.0, 9900.0, 9700.0), (10000.0,) * 3, ratio_at_least(0.95))])
    row = [cell.strip() for cell in text.splitlines()[-1].strip("|").split("|")]
    ratio, must, verdict, measured, base = row[2:]
    assert (ratio, must, verdict) == ("0.97 (0.95 to 0.99)", "≥ × 0.95", "met")
    assert (measured, base) == ("9,700 /s", "10,000 /s (bare)")
