"""An error about one service must not stop the others, nor fill the log."""

from __future__ import annotations

from collections.abc import Callable

import structlog

_LOG = structlog.get_logger(__name__)


class Isolation:
    """Runs work about one service. Of several failures in a row the first is logged."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._failing: set[str] = set()

    def attempt(self, route: str, work: Callable[[], object]) -> bool:
        try:
            work()
        except Exception:
            if route not in self._failing:
                _LOG.exception(self._message, route=route)
            self._failing.add(route)
            return False
        self._failing.discard(route)
        return True
