"""What requests add up to."""

from __future__ import annotations

from service_management.usage.log_reader import Step
from service_management.usage.totals import UsageTotals
from tests.unit.usage.log_lines import held, line


def after(usage: UsageTotals, *lines: bytes) -> UsageTotals:
    return usage.after(Step(list(lines), {"1:a": 7}, behind=False))


def test_requests_add_up_per_service_and_status() -> None:
    usage = after(
        UsageTotals(),
        line("a", seconds=0.004),
        line("a", seconds=0.3),
        line("a", status=503),
        line("b", held=held(3.0)),
        b"nonsense",
    )
    a, b = usage.services["a"], usage.services["b"]
    assert a.statuses == {"200": 2, "503": 1}
    assert (a.received, a.sent) == (300, 600)
    assert (sum(a.answer.counts), sum(a.cold.counts)) == (3, 0)
    assert (sum(b.cold.counts), b.cold.total) == (1, 3.0)
    assert (sum(b.first_byte.counts), b.first_byte.total) == (1, 0.002)
    assert usage.malformed == 1
    assert usage.positions == {"1:a": 7}


def test_values_at_a_bound_and_above_all_bounds_are_counted() -> None:
    service = after(UsageTotals(), line("a", seconds=0.005), line("a", seconds=9999)).services["a"]
    assert service.answer.counts[0] == 1
    assert service.answer.counts[-1] == 1


def test_totals_that_were_shown_do_not_change() -> None:
    first = after(UsageTotals(), line("a"))
    second = after(first, line("a"))
    assert first.services["a"].statuses == {"200": 1}
    assert second.services["a"].statuses == {"200": 2}


def test_the_last_request_ended_by_the_controllers_clock() -> None:
    before = UsageTotals().after(Step([line("a", ended=1350.0)], {}, behind=False))
    step = Step([line("a", ended=5000.0)], {}, behind=False)
    assert before.after(step, ahead=3600.0).services["a"].last == 1401.0
    assert before.after(step, ahead=4000.0).services["a"].last == 1351.0


def test_a_quiet_request_is_counted_but_is_not_activity() -> None:
    usage = after(UsageTotals(), line("a", ended=5.0), line("a", ended=9.0, quiet="1"))
    assert usage.services["a"].statuses == {"200": 2}
    assert usage.services["a"].last == 6.0
