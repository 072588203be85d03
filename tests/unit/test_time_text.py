"""Ages are rounded down, promises up; hours are the reader's own, with UTC beside them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service_management.time_text import age, at_most, clock, duration, moment

NOON = 1_795_694_400.0  # 2026-11-26 12:00:00 UTC


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "passed", "promised"),
    [
        (-5, "0 s", "1 s"),
        (0.4, "0 s", "1 s"),
        (59.9, "59 s", "60 s"),
        (119.4, "119 s", "2 min"),
        (120, "2 min", "2 min"),
        (200.1, "3 min 20 s", "3 min 21 s"),
        (3541, "59 min", "60 min"),
        (10801, "3 h", "3 h 1 min"),
        (12000, "3 h 20 min", "3 h 20 min"),
        (86401, "24 h", "25 h"),
        (190_000, "2 d 4 h", "2 d 5 h"),
        (2_000_000, "23 d", "24 d"),
    ],
)
def test_a_duration_is_short(seconds: float, passed: str, promised: str) -> None:
    assert (duration(seconds), at_most(seconds)) == (passed, promised)


def test_the_age_of_a_column_has_no_blanks() -> None:
    assert [age(seconds) for seconds in (45, 200, 12000, 190_000)] == [
        "45s",
        "3m20s",
        "3h20m",
        "2d4h",
    ]


@given(some.floats(-1e9, 1e9))
def test_no_promise_is_shorter_than_what_is_left(seconds: float) -> None:
    sizes = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    for text, is_right in (
        (duration(seconds), lambda total: total <= max(seconds, 0)),
        (at_most(seconds), lambda total: total >= seconds),
    ):
        parts = re.findall(r"(\d+) (s|min|h|d)\b", text)
        assert " ".join(f"{number} {unit}" for number, unit in parts) == text
        assert is_right(sum(int(number) * sizes[unit] for number, unit in parts))


@pytest.mark.usefixtures("berlin")
def test_the_local_hour_has_utc_beside_it() -> None:
    assert moment(NOON, NOON) == "13:00 CET (12:00 UTC)"
    assert clock(NOON + 5, NOON) == "13:00:05 CET (12:00:05 UTC)"
    assert moment(NOON + 86400, NOON) == "2026-11-27 13:00 CET (12:00 UTC)"
