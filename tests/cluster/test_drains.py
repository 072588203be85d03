"""Taking a busy service out of service."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


class Load:
    """Clients that ask again as soon as they are answered."""

    def __init__(self, url: str, clients: int = 3) -> None:
        self.url, self.answers = url, list[int]()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def _ask(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self._stop.is_set():
                self.answers.append(client.get(self.url).status_code)

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_restart_under_constant_traffic_fails_no_request(
    stack: Stack, service: Callable[..., str]
) -> None:
    """It does not wait for a moment without requests. With a fixed port there is one job at a time,
    and requests are held between the two."""
    route = service(timeout=60, remote_port=20731)
    stack.client.get(f"/{route}/echo")
    first = stack.info(route)["replicas"][0]["job_id"]

    def replaced() -> bool:
        info = stack.info(route)
        return info["state"] == "ready" and info["replicas"][0]["job_id"] != first

    with Load(f"{stack.url}/{route}/echo") as load:
        wait_for("traffic", lambda: len(load.answers) > 50)
        assert stack.admin(route, "restart").status_code == 200
        wait_for("another job serves", replaced, 60)
        before = len(load.answers)
        wait_for("traffic goes on", lambda: len(load.answers) > before + 50)

    assert set(load.answers) == {200}
    assert stack.submissions(route) == 2
