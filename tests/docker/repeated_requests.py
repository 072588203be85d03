"""Requests one after the other, each over a new connection."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from types import TracebackType

import httpx

from tests.docker.deployment import Deployment

PAUSE = 0.05


class RepeatedRequests:
    def __init__(self, deployment: Deployment, path: str) -> None:
        self._client, self._path = deployment.client, path
        self._answers: list[tuple[float, str]] = []  # when, and its status or what went wrong
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> RepeatedRequests:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.wait(PAUSE):
            try:
                said = str(self._client.get(self._path).status_code)
            except httpx.TransportError as error:
                said = type(error).__name__
            self._answers.append((time.monotonic(), said))

    def failed(self) -> list[str]:
        return [said for _, said in self._answers if said != "200"]

    def gap(self) -> float:
        """The longest time without a good answer."""
        good = [when for when, said in self._answers if said == "200"]
        return max(after - before for before, after in pairwise(good))
