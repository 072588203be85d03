"""`ssh_connections`: one service's streams over several SSH connections, one of which dies."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from service_management.controller.balancing import CROWDED
from service_management.gateway.inflight import look
from service_management.gateway.routes import route_sockets
from tests.stack.clients import Streams
from tests.stack.ssh import masters_with_key
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


def _tunnels(stack: Stack, route: str, count: int, of: int = 0) -> list[Path]:
    """The sockets that nginx's names lead to, once there are so many."""
    names = route_sockets(stack.run_dir, route, 0)[: of or count]

    def targets() -> list[Path] | None:
        found = {name.readlink(): None for name in names if name.is_symlink()}
        return [*found] if len(found) == count else None

    return wait_for(f"{count} tunnels are published", targets, 20)


def _carried(stack: Stack, tunnels: list[Path]) -> list[int]:
    connected = look(stack.run_dir / "tunnels").connected
    return [connected.get(str(tunnel), 0) for tunnel in tunnels]


def _another_runs(stack: Stack, key: Path, before: list[int]) -> bool:
    now = masters_with_key(stack, key)
    return len(now) == len(before) and now[0] == before[0] and now[1] != before[1]


@pytest.fixture
def own_key(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """A login of the test's own."""
    key = tmp_path / "own"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(argv, check=True, timeout=30)
    accepted = stack.cluster.spec.directory / "keys" / "authorized_keys"
    before = accepted.read_text()
    accepted.write_text(before + key.with_suffix(".pub").read_text())
    yield key
    accepted.write_text(before)


@pytest.fixture
def shared(stack: Stack, service: Callable[..., str], own_key: Path) -> str:
    """Connections of other processes are not counted as its own."""
    route = service(ssh_connections=2, ssh_key_file=str(own_key))
    assert stack.client.get(f"/{route}/echo").status_code == 200
    return route


def test_streams_share_two_ssh_processes_and_one_count(
    stack: Stack, shared: str, own_key: Path
) -> None:
    tunnels = _tunnels(stack, shared, 2)
    streams = Streams(stack, shared, 6, seconds=10)

    first, second = _carried(stack, tunnels)

    assert first + second == 6
    assert first
    assert second
    if stack.tunnels_outlive_control_plane:
        assert len(set(masters_with_key(stack, own_key))) == 2
    wait_for("all are counted", lambda: stack.info(shared)["inflight"] == 6, 5)
    streams.assert_uncut()


def test_killing_one_of_two_ssh_processes_fails_no_request(
    stack: Stack, shared: str, own_key: Path
) -> None:
    if not stack.tunnels_outlive_control_plane:
        pytest.skip("paramiko's sessions have no process of their own")
    tunnels = _tunnels(stack, shared, 2)
    streams = [Streams(stack, shared, 1, seconds=10) for _ in range(6)]
    kept = _carried(stack, tunnels)[0]
    before = masters_with_key(stack, own_key)

    os.kill(before[1], signal.SIGKILL)
    with ThreadPoolExecutor(8) as pool:
        url = f"{stack.url}/{shared}/echo"
        answers = list(pool.map(lambda _: httpx.get(url, timeout=20).status_code, range(200)))

    assert answers == [200] * 200
    wait_for("another one runs", lambda: _another_runs(stack, own_key, before), 10)
    assert _tunnels(stack, shared, 2) == tunnels
    assert sum(map(_uncut, streams)) == kept
    assert stack.submissions(shared) == 1


def test_a_refused_further_connection_leaves_the_first_in_use(
    stack: Stack, route: str, own_key: Path
) -> None:
    if not stack.tunnels_outlive_control_plane:
        pytest.skip("as above")
    stack.configure(stack.entry(route, ssh_connections=2, ssh_key_file=str(own_key)))
    assert stack.client.get(f"/{route}/echo").status_code == 200
    first, second = _tunnels(stack, route, 2)
    accepted = stack.cluster.spec.directory / "keys" / "authorized_keys"
    with_it = accepted.read_text()
    accepted.write_text("")

    os.kill(masters_with_key(stack, own_key)[1], signal.SIGKILL)

    assert _tunnels(stack, route, 1, of=2) == [first]
    for _ in range(20):
        assert stack.client.get(f"/{route}/echo").status_code == 200
    trouble = wait_for("it is shown", lambda: stack.details(route)["cluster_trouble"], 10)
    assert f"does not accept the key {own_key}" in trouble
    assert stack.state(route) == "ready"
    accepted.write_text(with_it)
    assert _tunnels(stack, route, 2) == [first, second]


def test_a_service_leaves_a_connection_crowded_by_another(
    stack: Stack, route: str, own_key: Path
) -> None:
    if not stack.tunnels_outlive_control_plane:
        pytest.skip("further connections of paramiko are no gain, and not opened")
    names, login = (route, f"{route}-streams"), {"ssh_key_file": str(own_key)}
    stack.configure(*(stack.entry(name, **login) for name in names))
    for name in names:
        assert stack.client.get(f"/{name}/echo").status_code == 200
    [first] = _tunnels(stack, route, 1)

    many = Streams(stack, names[1], CROWDED + 10, seconds=15)
    wait_for("requests go elsewhere", lambda: _tunnels(stack, route, 1) != [first], 15)
    few = Streams(stack, route, 5, seconds=5)

    [second] = _tunnels(stack, route, 1)
    assert _carried(stack, [first, second]) == [0, 5]
    assert len(masters_with_key(stack, own_key)) == 2
    wait_for("they are counted", lambda: stack.info(route)["inflight"] == 5, 5)
    few.assert_uncut()
    many.assert_uncut()


def test_a_changed_connection_count_keeps_the_job_and_streams(
    stack: Stack, shared: str, own_key: Path
) -> None:
    login = {"ssh_key_file": str(own_key)}
    job = stack.info(shared)["replicas"][0]["job_id"]
    streams = Streams(stack, shared, 4, seconds=5)

    for count in (1, 4):
        name = f"now {count}"
        stack.configure(stack.entry(shared, ssh_connections=count, name=name, **login))
        wait_for("in force", lambda n=name: stack.info(shared)["name"] == n, 10)
        for _ in range(20):
            answer = httpx.get(f"{stack.url}/{shared}/echo", headers={"Prefer": "wait=0"})
            assert (answer.status_code, "X-Cold-Start" in answer.headers) == (200, False)

    streams.assert_uncut()
    assert stack.info(shared)["replicas"][0]["job_id"] == job


def test_a_removed_socket_or_link_is_there_again_at_once(
    stack: Stack, service: Callable[..., str]
) -> None:
    """Requests that come meanwhile are held."""
    route = service(timeout=60)
    stack.client.get(f"/{route}/echo")
    link = route_sockets(stack.run_dir, route, 0)[0]
    tunnel = link.readlink()
    for file in (link, tunnel):
        file.unlink()
        assert stack.client.get(f"/{route}/echo").status_code == 200
        wait_for(f"{file} is there", file.exists, 5)
    assert link.readlink() == tunnel
    assert stack.submissions(route) == 1


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


def _posts(stack: Stack, route: str, count: int) -> list[int]:
    """Statuses of so many POSTs, eight at a time, on connections that are kept."""

    def post(number: int) -> int:
        return stack.client.post(f"/{route}/echo", content=b"%d" % number).status_code

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(post, range(count)))


def test_a_service_that_closes_unannounced_loses_one_burst(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"CLOSE_UNANNOUNCED": "1"}, api_paths=["/*"])
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert stack.info(route)["keepalive"] is True

    lost = wait_for("a lost request", lambda: 502 in _posts(stack, route, 100), 60)

    assert lost
    wait_for("it is found out", lambda: stack.info(route)["keepalive"] is False, 20)
    assert "keepalive: false" in stack.log()
    assert set(_posts(stack, route, 600)) == {200}
    stack.kill_control_plane()
    stack.wait_until_alive()
    wait_for("it is remembered", lambda: stack.info(route)["keepalive"] is False, 20)
    assert set(_posts(stack, route, 600)) == {200}


def test_a_ready_service_is_waited_for_while_its_login_is_away(
    stack: Stack, service: Callable[..., str], own_key: Path
) -> None:
    route = service(ssh_key_file=str(own_key), api_paths=["/*"])
    assert stack.client.get(f"/{route}/echo").status_code == 200
    stack.cluster.freeze_ssh()
    try:
        for pid in masters_with_key(stack, own_key):
            os.kill(pid, signal.SIGKILL)
        # A master that is dying still takes connections, and what was sent to it is not repeated.
        wait_for("they are gone", lambda: not masters_with_key(stack, own_key), 10)
        refused = stack.client.post(f"/{route}/echo", headers={"Prefer": "wait=1"}, content=b"x")
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(stack.client.post, f"/{route}/echo", content=b"x")
            wait_for("it is held", lambda: stack.info(route)["held"] == 1, 20)
            stack.cluster.thaw_ssh()
            assert held.result(60).status_code == 200
    finally:
        stack.cluster.thaw_ssh()
    assert refused.status_code == 503
    assert "its tunnel is down" in refused.json()["detail"]
    assert stack.submissions(route) == 1
