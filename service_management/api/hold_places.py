"""How many requests may wait at one time: in all, for one service, of one client.

Each waiting request takes a thread. Half of them are left to the others, whatever a single client
or the clients of a single service ask for.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service_management.api.access import network_of

_ALL = "Too many requests are already waiting (HOLD_THREADS)."
_SERVICE = "Too many requests are already waiting for this service (half of HOLD_THREADS)."
_CLIENT = "Too many requests of this client are already waiting (half of HOLD_THREADS)."


class HoldPlaces:
    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place(self, route: str, client: str, *, in_queue: bool) -> Iterator[str | None]:
        """Taken while this is open, unless it yields a refusal. A queue has a bound of its own for
        the service (`fair_queue.py`)."""
        keys = {("all", ""): (self._most, _ALL)}
        if not in_queue:
            keys["service", route] = (max(1, self._most // 2), _SERVICE)
        if client:
            keys["client", network_of(client)] = (max(1, self._most // 2), _CLIENT)
        with self._lock:
            refusals = (text for key, (most, text) in keys.items() if self._taken[key] >= most)
            refusal = next(refusals, None)
            if refusal is None:
                self._taken.update(keys.keys())
        try:
            yield refusal
        finally:
            if refusal is None:
                self._give_back(keys)

    def _give_back(self, keys: dict[tuple[str, str], tuple[int, str]]) -> None:
        with self._lock:
            self._taken.subtract(keys.keys())
            for key in keys:
                if not self._taken[key]:
                    del self._taken[key]  # clients come and go for weeks
