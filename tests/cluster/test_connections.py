"""`ssh_connections`: one service's streams over several SSH connections, one of which dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from service_management.gateway.inflight import look
from service_management.gateway.routes import route_sockets
from tests.stack.clients import Streams
from tests.stack.ssh import masters
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


def _tunnels(stack: Stack, route: str, count: int) -> list[Path]:
    """The sockets that nginx sends requests to, once there are so many."""
    names = route_sockets(stack.run_dir, route, 0)[:count]

    def targets() -> list[Path] | None:
        found = [name.readlink() for name in names if name.is_symlink()]
        return found if len(set(found)) == count else None

    return wait_for(f"{count} tunnels are published", targets, 20)


def _carried(stack: Stack, tunnels: list[Path]) -> list[int]:
    connected = look(stack.run_dir / "tunnels").connected
    return [connected.get(str(tunnel), 0) for tunnel in tunnels]


def _second(stack: Stack) -> int | None:
    return next((pid for name, pid in masters(stack).items() if name.endswith(".1")), None)


@pytest.fixture
def shared(stack: Stack, service: Callable[..., str]) -> str:
    route = service(ssh_connections=2)
    assert stack.client.get(f"/{route}/echo").status_code == 200
    return route


def test_streams_are_divided_between_two_ssh_processes_and_counted_together(
    stack: Stack, shared: str
) -> None:
    tunnels = _tunnels(stack, shared, 2)
    streams = Streams(stack, shared, 6, seconds=4)

    first, second = _carried(stack, tunnels)

    assert first + second == 6
    assert first
    assert second
    if stack.tunnels_outlive_control_plane:
        assert len(set(masters(stack).values())) == 2
    wait_for("all are counted", lambda: stack.info(shared)["inflight"] == 6, 3)
    streams.assert_uncut()


def test_one_of_two_ssh_processes_killed_fails_no_request_and_is_replaced(
    stack: Stack, shared: str
) -> None:
    if not stack.tunnels_outlive_control_plane:
        pytest.skip("paramiko's sessions have no process of their own")
    tunnels = _tunnels(stack, shared, 2)
    streams = [Streams(stack, shared, 1, seconds=6) for _ in range(6)]
    kept, killed = _carried(stack, tunnels)[0], _second(stack)
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    with ThreadPoolExecutor(8) as pool:
        url = f"{stack.url}/{shared}/echo"
        answers = list(pool.map(lambda _: httpx.get(url, timeout=20).status_code, range(200)))

    assert answers == [200] * 200
    wait_for("another one runs", lambda: _second(stack) not in (None, killed), 10)
    assert _tunnels(stack, shared, 2) == tunnels
    assert sum(map(_uncut, streams)) == kept
    assert stack.submissions(shared) == 1


def test_another_number_of_connections_leaves_the_job_and_its_streams_alone(
    stack: Stack, shared: str
) -> None:
    job = stack.info(shared)["replicas"][0]["job_id"]
    streams = Streams(stack, shared, 4, seconds=5)

    for count in (1, 4):
        stack.configure(stack.entry(shared, ssh_connections=count, name=f"now {count}"))
        wait_for("in force", lambda n=count: stack.info(shared)["name"] == f"now {n}", 10)
        for _ in range(20):
            answer = httpx.get(f"{stack.url}/{shared}/echo", headers={"Prefer": "wait=0"})
            assert (answer.status_code, "X-Cold-Start" in answer.headers) == (200, False)

    streams.assert_uncut()
    assert stack.info(shared)["replicas"][0]["job_id"] == job


def test_nothing_of_the_second_connection_is_left_after_the_job(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(ssh_connections=3, timeout=2)
    assert stack.client.get(f"/{route}/echo").status_code == 200
    _tunnels(stack, route, 3)

    stack.wait_for_state(route, "cold", seconds=20)

    wait_for("no socket is left", lambda: not [*(stack.run_dir / "tunnels").iterdir()], 5)
    assert not [*(stack.run_dir / "routes").iterdir()]


def _uncut(streams: Streams) -> bool:
    try:
        streams.assert_uncut()
    except (AssertionError, httpx.TransportError):
        return False
    return True
