"""The two workflows of the product, on the real cluster."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from html import escape

from tests.film.animation import svg
from tests.film.recorder import Pace, record
from tests.stack.stack import Stack
from tests.stack.waiting import median_within, wait_for


def test_a_cold_request_submits_tunnels_and_starts_the_timer(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=30)
    assert stack.state(route) == "cold"
    assert not stack.jobs(route)

    answer = stack.client.post(f"/{route}/echo?q=1", content=b"cold")

    assert answer.status_code == 200
    assert answer.json()["length"] == 4
    assert float(answer.headers["X-Cold-Start"]) > 0
    assert [job["state"] for job in stack.jobs(route)] == ["RUNNING"]
    info = stack.info(route)
    assert info["state"] == "ready"
    assert (stack.run_dir / "routes" / f"{route}.0.sock").exists()
    first = wait_for("the timer runs", lambda: stack.info(route)["idle_seconds"])
    wait_for("it runs on", lambda: (stack.info(route)["idle_seconds"] or 0) > first)


def test_request_while_running_is_forwarded_and_resets_the_timer(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=30)
    stack.client.get(f"/{route}/echo")
    wait_for("some idleness", lambda: (stack.info(route)["idle_seconds"] or 0) > 1.5)

    answer = stack.client.get(f"/{route}/echo")

    assert answer.status_code == 200
    assert "X-Cold-Start" not in answer.headers
    wait_for("idle since this request", lambda: (stack.info(route)["idle_seconds"] or 9) < 1.5, 3)
    assert stack.submissions(route) == 1


def test_an_idle_service_ends_within_1500_ms_of_its_timeout(
    stack: Stack, service: Callable[..., str]
) -> None:
    """It is cold then."""
    timeout, uses = 3, itertools.count()
    route = service(timeout=timeout)

    def lateness() -> float:
        before = next(uses)
        assert stack.client.get(f"/{route}/echo").status_code == 200
        asked = time.monotonic()
        assert stack.client.get(f"/{route}/echo").status_code == 200
        ended = time.monotonic()
        assert stack.submissions(route) == before + 1
        wait_for("the job is gone", lambda: not stack.jobs(route), timeout + 10, pause=0.02)
        gone = time.monotonic()
        assert gone - asked >= timeout
        stack.wait_for_state(route, "cold", seconds=10)
        assert not (stack.run_dir / "routes" / f"{route}.0.sock").exists()
        return gone - ended - timeout

    lateness()
    median_within(1.5, lateness)


def test_an_upload_longer_than_the_timeout_keeps_its_job(
    stack: Stack, service: Callable[..., str]
) -> None:
    """It is demand from its first byte: the service starts meanwhile, and does not go idle."""
    timeout = 2
    route = service(timeout=timeout)
    piece, pieces = bytes(100_000), 12

    def upload() -> Iterator[bytes]:
        yield piece
        stack.wait_for_state(route, "ready", seconds=30)
        for _ in range(pieces - 2):
            time.sleep(3 * timeout / (pieces - 2))
            yield piece
        assert stack.state(route) == "ready"
        yield piece

    headers = {"Content-Length": str(pieces * len(piece))}
    answer = stack.client.post(f"/{route}/echo", content=upload(), headers=headers)

    assert answer.status_code == 200
    assert answer.json()["length"] == pieces * len(piece)
    assert "X-Cold-Start" not in answer.headers
    assert stack.submissions(route) == 1


def test_the_film_shows_each_state_once_and_both_answers(stack: Stack) -> None:
    film = record(stack, Pace(loads=0.5, timeout=2, typing=0.3, rest=0.1))

    states = [seen.text for seen in film.states]
    assert states == ["cold", "queued", "starting", "ready", "draining", "cold"]
    assert any("PENDING" in seen.text for seen in film.queue)
    drawn = svg(film)
    assert all(escape(request.printed[0]) in drawn for request in film.requests)
