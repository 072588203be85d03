"""Which work a login's threads do first."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from service_management.controller.priority_threads import (
    AT_MOST_LESS_URGENT,
    THREADS,
    Priority,
    PriorityThreads,
)
from tests.stack.waiting import wait_for


class Gate:
    """Work that waits until it is let go."""

    def __init__(self) -> None:
        self.running = threading.Semaphore(0)
        self._open = threading.Event()

    def __call__(self) -> None:
        self.running.release()
        self._open.wait(20)

    def open(self) -> None:
        self._open.set()

    def wait_until_running(self, times: int) -> None:
        for _ in range(times):
            assert self.running.acquire(timeout=10)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def threads(gate: Gate) -> Iterator[PriorityThreads]:
    threads = PriorityThreads("test")
    yield threads
    threads.close()


def test_urgent_work_overtakes_and_equals_keep_their_order(
    threads: PriorityThreads, gate: Gate
) -> None:
    for _ in range(THREADS):
        threads.submit(Priority.SUBMIT, gate)
    gate.wait_until_running(THREADS)
    done: list[str] = []
    second = Gate()  # holds all threads but one
    for _ in range(THREADS - 1):
        threads.submit(Priority.SUBMIT, second)
    for priority in reversed(Priority):
        for number in (1, 2):
            name = f"{priority.name} {number}"
            threads.submit(priority, lambda name=name: done.append(name))
    gate.open()
    wait_for("all of it is done", lambda: len(done) == 2 * len(Priority), 10)
    second.open()
    assert done == [f"{priority.name} {number}" for priority in Priority for number in (1, 2)]


@pytest.mark.parametrize("slow", [Priority.TUNNEL, Priority.END, Priority.CLOSE])
def test_hanging_tunnels_leave_threads_for_a_submission(
    threads: PriorityThreads, gate: Gate, slow: Priority
) -> None:
    for _ in range(2 * THREADS):
        threads.submit(slow, gate)
    gate.wait_until_running(AT_MOST_LESS_URGENT)
    submitted = threading.Event()
    threads.submit(Priority.SUBMIT, submitted.set)
    assert submitted.wait(10)


def test_work_that_found_no_room_is_done_later(threads: PriorityThreads, gate: Gate) -> None:
    for _ in range(3 * THREADS):
        threads.submit(Priority.CLOSE, gate)
    gate.open()
    gate.wait_until_running(3 * THREADS)


def test_work_that_waits_is_dropped_at_the_end(threads: PriorityThreads, gate: Gate) -> None:
    for _ in range(THREADS):
        threads.submit(Priority.SUBMIT, gate)
    gate.wait_until_running(THREADS)
    late = threading.Event()
    threads.submit(Priority.SUBMIT, late.set)
    threads.close()
    gate.open()
    assert not late.wait(0.1)
