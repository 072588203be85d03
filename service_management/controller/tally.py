"""How often jobs were submitted, and attempts failed for which reason.

Counted since this process began: Prometheus sees a counter that began anew for what it is.
"""

from __future__ import annotations

from collections import Counter

from service_management.lifecycle.record import Record
from service_management.lifecycle.states import Reason


class Tally:
    """Written by the controller alone; others read copies."""

    def __init__(self) -> None:
        self._submissions: Counter[str] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()

    def note(self, before: Record, after: Record) -> None:
        if _job_name(after) != _job_name(before) and after.reason is Reason.SUBMITTING:
            self._submissions[after.route] += 1
        # After an operator's start the failures in a row begin anew, so their number may repeat.
        if after.last_failure and after.last_failure != before.last_failure:
            self._failures[after.route, after.last_failure.reason.value] += 1

    def submissions(self) -> dict[str, int]:
        return dict(self._submissions)

    def failures(self) -> dict[tuple[str, str], int]:
        return dict(self._failures)


def _job_name(record: Record) -> str:
    return record.job.name if record.job else ""
