"""How often each login was asked for what, and how often in vain."""

from __future__ import annotations

import threading
from collections import Counter


class CallCounts:
    """Counts by (login id, kind of command). Shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, str]] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()

    def add(self, login_id: str, command: str, *, failed: bool) -> None:
        with self._lock:
            self._calls[login_id, command] += 1
            self._failures[login_id, command] += int(failed)

    def calls(self) -> dict[tuple[str, str], int]:
        with self._lock:
            return dict(self._calls)

    def failures(self) -> dict[tuple[str, str], int]:
        with self._lock:
            return {key: count for key, count in self._failures.items() if count}
