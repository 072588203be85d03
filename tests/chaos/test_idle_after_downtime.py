"""Idle timers stay right after the control plane, or the whole gateway, was down."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.stack.downtime import control_plane_away
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

TIMEOUT = 12
# From the end of the last request to the cancellation: see docs/lifecycle.md. The clocks are one,
# but the machine may be busy.
EARLY, LATE = 0.2, 6.0


def _ask(stack: Stack, route: str) -> float:
    """When it was asked: its answer came later, and to this client later still."""
    began = time.time()
    assert stack.client.get(f"/{route}/echo").status_code == 200
    return began


def _ask_all(stack: Stack, routes: Sequence[str]) -> None:
    with ThreadPoolExecutor(len(routes)) as pool:
        list(pool.map(lambda name: _ask(stack, name), routes))


def _wait_until(moment: float) -> None:
    wait_for("the moment", lambda: time.time() >= moment, moment - time.time() + 1)


def _ended_at(stack: Stack, route: str) -> float:
    """When it was found idle, according to its events."""
    stack.wait_for_state(route, "cold", seconds=40)
    events = stack.info(route)["events"]
    return float(next(event["at"] for event in events if event["reason"] == "idle"))


def test_idle_time_and_requests_count_during_a_downtime(stack: Stack, route: str) -> None:
    """Of the control plane: three services, one silent, one streaming, one asked meanwhile."""
    silent, asked, streaming = f"{route}a", f"{route}b", f"{route}c"
    routes = (silent, asked, streaming)
    stack.configure(*(stack.entry(name, timeout=TIMEOUT) for name in routes))
    _ask_all(stack, routes)
    with ThreadPoolExecutor(1) as pool:
        stream_ended = time.time() + 5
        stream = pool.submit(
            httpx.get, f"{stack.url}/{streaming}/stream?seconds=5&interval=1", timeout=30
        )
        begun = _ask(stack, silent)
        _wait_until(begun + 3)

        with control_plane_away(stack):
            assert stream.result(timeout=20).text.endswith("end\n")
            _wait_until(begun + 6)
            last = _ask(stack, asked)
            _wait_until(begun + 8)
    back = time.time()

    for name, used in {silent: begun, streaming: stream_ended, asked: last}.items():
        due = used + TIMEOUT
        assert due - EARLY < _ended_at(stack, name) < max(due, back) + LATE, name
    assert [stack.submissions(name) for name in routes] == [1, 1, 1]


def test_after_a_downtime_the_log_is_read_before_idle_jobs_end(stack: Stack, route: str) -> None:
    """Both are idle by what the last control plane stored; one was asked in the downtime."""
    silent, asked = f"{route}a", f"{route}b"
    stack.configure(*(stack.entry(name, timeout=4) for name in (silent, asked)))
    _ask_all(stack, (silent, asked))
    _ask_all(stack, (silent, asked))  # warm: none of their time is another's start

    with control_plane_away(stack):
        _wait_until(time.time() + 6)
        last = _ask(stack, asked)
    back = time.time()

    assert stack.state(silent) == stack.state(asked) == "ready"
    assert _ended_at(stack, silent) < back + 8
    assert _ended_at(stack, asked) > last + 4 - EARLY
    assert stack.submissions(asked) == 1


def test_time_in_which_the_gateway_was_off_is_not_idleness(stack: Stack, route: str) -> None:
    stack.configure(stack.entry(route, timeout=8))
    _ask(stack, route)
    job = stack.jobs(route)[0]["id"]
    _ask(stack, route)

    stack.orchestrator("down", "--keep-jobs")
    _wait_until(time.time() + 9)
    opened = time.time()
    stack.up()

    assert [entry["id"] for entry in stack.jobs(route)] == [job]
    assert stack.state(route) == "ready"
    assert _ended_at(stack, route) > opened + 8 - EARLY
    assert stack.submissions(route) == 1


def test_stream_that_outlives_two_control_planes_is_activity(stack: Stack, route: str) -> None:
    stack.configure(stack.entry(route, timeout=2))
    _ask(stack, route)
    with ThreadPoolExecutor(1) as pool:
        url, ends = f"{stack.url}/{route}/stream?seconds=40&interval=1", time.time() + 40
        stream = pool.submit(httpx.get, url, timeout=60)
        wait_for("it flows", lambda: stack.info(route)["inflight"], 10)
        for _ in range(2):
            before = stack.control_pids()
            stack.kill_control_plane()
            wait_for("another one", lambda old=before: not {*old} & {*stack.control_pids()}, 20)
            stack.wait_until_alive()
        while not stream.done():
            assert stack.state(route) == "ready"
        assert stream.result().text.splitlines()[-1] == "end"
    assert -EARLY < _ended_at(stack, route) - (ends + 2) < LATE
    assert stack.submissions(route) == 1


def test_idle_timers_start_over_after_nginx_was_killed(stack: Stack, route: str) -> None:
    """Its last lines were in a buffer: the end of the last request is unknown."""
    stack.configure(stack.entry(route, timeout=5))
    _ask(stack, route)
    pid_file = stack.run_dir / "nginx" / "nginx.pid"
    master = pid_file.read_text()
    os.kill(int(master), signal.SIGKILL)
    stack.kill_control_plane()
    wait_for("a new nginx", lambda: pid_file.read_text() not in (master, ""), 10)
    opened = pid_file.stat().st_mtime
    stack.wait_until_alive()
    assert _ended_at(stack, route) > opened + 5 - EARLY
    assert stack.submissions(route) == 1
