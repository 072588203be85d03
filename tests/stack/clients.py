"""Clients that go on in the background while a test breaks things."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import httpx

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

INTERVAL = 0.25  # between two lines of a stream


class Streams:
    """Several clients, each reading its own stream for `seconds`."""

    def __init__(self, stack: Stack, route: str, count: int, seconds: float) -> None:
        self._url = f"{stack.url}/{route}/stream?seconds={seconds}&interval={INTERVAL}"
        self._seen = [""] * count
        self._seconds = seconds
        self._outlive = stack.tunnels_outlive_control_plane
        self._pool = ThreadPoolExecutor(count)
        self._ends = [self._pool.submit(self._read, number) for number in range(count)]
        wait_for("all streams flow", lambda: all(self._seen), 30)

    def _read(self, number: int) -> None:
        with httpx.stream("GET", self._url, timeout=120) as answer:
            assert answer.status_code == 200
            for text in answer.iter_text():
                self._seen[number] += text

    def flowing(self) -> bool:
        return not any(end.done() for end in self._ends)

    def assert_uncut(self) -> None:
        """Every line came, in order, and so did the end."""
        for end, number in zip(self._ends, range(len(self._seen)), strict=True):
            end.result(timeout=self._seconds + 60)
            lines = self._seen[number].splitlines()
            assert lines[-1] == "end"
            assert lines[:-1] == [f"line {count}" for count in range(len(lines) - 1)]
        self._pool.shutdown()

    def assert_untouched_by_control_plane(self) -> None:
        """It was killed or restarted: nothing is cut, unless the tunnels lived in it; then every
        client got an error at once, and what it had got by then is in order."""
        if self._outlive:
            self.assert_uncut()
            return
        for end, seen in zip(self._ends, self._seen, strict=True):
            assert isinstance(end.exception(timeout=5), httpx.TransportError)
            whole = seen.rpartition("\n")[0].splitlines()
            assert whole == [f"line {count}" for count in range(len(whole))]
        self._pool.shutdown()

    def abandon(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class KeepAlive:
    """One client on one connection, asking again and again."""

    def __init__(self, stack: Stack, route: str) -> None:
        self._client = httpx.Client(base_url=stack.url, timeout=30)
        self._path, self._stopped = f"/{route}/echo", threading.Event()
        self._outlive = stack.tunnels_outlive_control_plane
        self.statuses: list[int] = []
        self._pool = ThreadPoolExecutor(1)
        self._end = self._pool.submit(self._ask)

    def _ask(self) -> None:
        while not self._stopped.wait(0.1):
            self.statuses.append(self._client.get(self._path).status_code)

    def assert_untouched_by_control_plane(self) -> None:
        """Always answered; where the tunnels went with it, refused until it was back."""
        self._stopped.set()
        self._end.result(timeout=30)
        self._pool.shutdown()
        self._client.close()
        assert set(self.statuses) <= ({200} if self._outlive else {200, 503})
        assert self.statuses[-1] == 200


class Background:
    """One call each in the background, their answers later."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads)

    def start(self, call: Callable[[], httpx.Response]) -> Future[httpx.Response]:
        return self._pool.submit(call)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def fetch_until_served(stack: Stack, route: str, seconds: float) -> httpx.Response:
    """As a client that takes Retry-After for what it is."""

    def served() -> httpx.Response | None:
        try:
            answer = httpx.get(f"{stack.url}/{route}/echo", timeout=seconds)
        except httpx.TransportError:
            return None
        return answer if answer.is_success else None

    return wait_for(f"{route} is served", served, seconds)
