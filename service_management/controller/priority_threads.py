"""A few threads that always take the most urgent work next."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum


class Priority(IntEnum):
    """In this order, because a submission has a deadline: 25 s after its intent it is refused on
    the login node, and its service fails. 150 simultaneous starts missed it while they waited
    behind the tunnels of the first ones."""

    SUBMIT = 0
    CANCEL = 1
    POLL = 2
    FIND = 3
    TUNNEL = 4
    END = 5  # how a job ended, and what it wrote
    CLOSE = 6


THREADS = 8  # sshd's default MaxSessions is 10
# Priority alone does not help while all threads wait for something that hangs, such as a tunnel
# over a dead connection or a job's output on a stalled file system.
AT_MOST_LESS_URGENT, LESS_URGENT = THREADS // 2, Priority.TUNNEL

Work = Callable[[], None]  # must not raise


class PriorityThreads:
    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(THREADS, name)
        self._lock = threading.Lock()
        self._order = itertools.count()  # work of the same priority is done in order of arrival
        self._urgent: list[tuple[Priority, int, Work]] = []
        self._less_urgent: list[tuple[Priority, int, Work]] = []
        self._less_urgent_running = 0

    def submit(self, priority: Priority, work: Work) -> None:
        with self._lock:
            waiting = self._less_urgent if priority >= LESS_URGENT else self._urgent
            heapq.heappush(waiting, (priority, next(self._order), work))
        self._pool.submit(self._run)

    def close(self) -> None:
        with self._lock:
            self._urgent.clear()
            self._less_urgent.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        """Until nothing is left that may start: work whose own call found no room is taken up by
        the thread that makes room."""
        while True:
            with self._lock:
                if self._urgent:
                    less_urgent, (_, _, work) = 0, heapq.heappop(self._urgent)
                elif self._less_urgent and self._less_urgent_running < AT_MOST_LESS_URGENT:
                    less_urgent, (_, _, work) = 1, heapq.heappop(self._less_urgent)
                else:
                    return
                self._less_urgent_running += less_urgent
            work()
            with self._lock:
                self._less_urgent_running -= less_urgent
