"""Parts that stop and come back: slurmctld, the SSH connection, a node, gunicorn, nginx."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from demo.processes import stat_fields
from service_management.gateway.queue_flags import queue_flag
from tests.stack.clients import Background, KeepAlive, Streams, fetch_until_served
from tests.stack.gates import Gates
from tests.stack.ssh import lose_connections
from tests.stack.stack import ROOT, Stack
from tests.stack.waiting import median_within, wait_for, watch

NOW = {"Prefer": "wait=0"}


def _job(stack: Stack, route: str) -> str:
    return str(stack.info(route)["replicas"][0]["job_id"])


def _ready(stack: Stack, route: str) -> str:
    assert stack.client.get(f"/{route}/echo").status_code == 200
    return _job(stack, route)


# -- Slurm ----------------------------------------------------------------------------------


def test_a_slurmctld_restart_changes_no_ready_or_queued_service(stack: Stack, route: str) -> None:
    queued = f"{route}q"
    stack.configure(stack.entry(route), stack.entry(queued, sbatch_args=["--hold"]))
    job, streams = _ready(stack, route), Streams(stack, route, 2, seconds=8)
    stack.client.get(f"/{queued}/echo", headers=NOW)
    waiting = wait_for("its id", lambda: stack.info(queued)["replicas"][0]["job_id"], 10)

    stack.cluster.stop_slurmctld()
    try:
        wait_for("the trouble is shown", lambda: stack.info(queued)["cluster_trouble"], 20)
        assert (stack.state(route), stack.state(queued)) == ("ready", "queued")
    finally:
        stack.cluster.start_slurmctld()

    streams.assert_uncut()
    stack.cluster.admin("scontrol", "release", waiting)
    stack.wait_for_state(queued, "ready")
    assert (_job(stack, route), _job(stack, queued)) == (job, waiting)
    assert stack.submissions(route) == stack.submissions(queued) == 1


def test_squeue_that_succeeds_and_says_nothing_ends_no_service(stack: Stack, route: str) -> None:
    queued, gates = f"{route}q", Gates(stack.cluster)
    stack.configure(stack.entry(route), stack.entry(queued, sbatch_args=["--hold"]))
    try:
        job = _ready(stack, route)
        stack.client.get(f"/{queued}/echo", headers=NOW)
        waiting = wait_for("its id", lambda: stack.info(queued)["replicas"][0]["job_id"], 10)
        gates.make_squeue_say_nothing()

        states = ("ready", "queued")
        both = [(route, job), (queued, waiting)]
        watch("states", lambda: tuple(stack.state(name) for name, _ in both) == states, 3)
        assert [_job(stack, name) for name, _ in both] == [job, waiting]
        assert {entry["id"] for entry in stack.jobs()} == {job, waiting}
    finally:
        gates.remove()


def test_a_dead_node_is_reported_until_the_service_runs_again(
    stack: Stack, service: Callable[..., str]
) -> None:
    # A dead host sends nothing: the client's answer comes at request_timeout.
    route = service(sbatch_args=["--no-requeue"], request_timeout=3)
    job = _ready(stack, route)
    node = stack.info(route)["replicas"][0]["node"]

    stack.cluster.kill(node)
    try:
        refused = httpx.get(f"{stack.url}/{route}/echo", timeout=10)
        assert refused.status_code in (502, 504), refused.text
        assert refused.headers["Content-Type"] == "application/problem+json"
        # What slurmctld finds out by itself after SlurmdTimeout, and an admin earlier.
        stack.cluster.admin("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=dead")

        fetch_until_served(stack, route, 30)

        info = stack.info(route)
        assert info["replicas"][0]["node"] != node
        assert info["replicas"][0]["job_id"] != job
        assert info["last_error"]["slurm_state"] == "NODE_FAIL"
        assert stack.submissions(route) == 2
    finally:
        stack.cluster.revive(node)


# -- SSH ------------------------------------------------------------------------------------


def test_a_lost_ssh_connection_is_replaced_within_5_s(
    stack: Stack, service: Callable[..., str]
) -> None:
    """Its tunnels come back with it, and no job is submitted."""
    route = service(timeout=6)
    job = _ready(stack, route)

    def seconds_away() -> float:
        lose_connections(stack)
        lost = time.monotonic()
        answer = httpx.get(f"{stack.url}/{route}/echo", timeout=30)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - lost

    median_within(5, seconds_away)
    assert stack.state(route) == "ready"
    assert _job(stack, route) == job
    assert stack.submissions(route) == 1
    stack.wait_for_state(route, "cold", seconds=20)
    wait_for("no socket is left", lambda: not [*(stack.run_dir / "tunnels").iterdir()], 5)


# -- the gateway's own processes ------------------------------------------------------------


def test_a_control_plane_restart_keeps_services_and_streams(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    job, streams = _ready(stack, route), Streams(stack, route, 3, seconds=7)
    client, arbiter = KeepAlive(stack, route), _arbiter(stack)

    os.kill(arbiter, signal.SIGTERM)
    wait_for("another one runs", lambda: arbiter not in stack.control_pids(), 20)
    stack.wait_until_alive()

    assert stack.state(route) == "ready"
    streams.assert_untouched_by_control_plane()
    client.assert_untouched_by_control_plane()
    assert _job(stack, route) == job
    assert stack.submissions(route) == 1


def test_a_killed_control_plane_leaves_no_queue_behind(stack: Stack, route: str) -> None:
    """What waited is to come again. What has a place goes on, and new requests get theirs."""
    stack.configure(stack.entry(route, max_inflight=1))
    _ready(stack, route)
    flag = queue_flag(stack.run_dir, route)
    wait_for("its connection is closed", lambda: stack.info(route)["inflight"] == 0, 10)
    with ThreadPoolExecutor() as pool:
        served = pool.submit(stack.client.get, f"/{route}/slow?seconds=6")
        wait_for("it is in flight", lambda: stack.info(route)["inflight"], 10)
        waiting = [pool.submit(stack.client.get, f"/{route}/echo") for _ in range(2)]
        wait_for("they wait", lambda: stack.info(route)["held"] == len(waiting), 10)
        assert flag.exists()
        assert "2 requests are waiting for a place" in stack.info(route)["text"]
        stack.kill_control_plane()
        assert {answer.result().status_code for answer in waiting} == {503}
        assert served.result().status_code == 200
    stack.wait_until_alive()
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert not flag.exists()


def test_a_worker_ends_at_once_when_its_master_is_killed(stack: Stack, route: str) -> None:
    """Also while it holds a request, which would keep its lock and its port for a minute."""
    stack.configure(stack.entry(route, sbatch_args=["--hold"]))
    background = Background(1)
    try:
        headers = {"Prefer": "wait=60"}
        held = background.start(lambda: stack.client.get(f"/{route}/echo", headers=headers))
        wait_for("it is held", lambda: stack.info(route)["held"], 10)
        before = set(stack.control_pids())
        os.kill(_arbiter(stack), signal.SIGKILL)
        wait_for("both have ended", lambda: not before & set(stack.control_pids()), 5)
        assert held.result(10).status_code == 503
        stack.wait_until_alive()
    finally:
        background.close()


def _arbiter(stack: Stack) -> int:
    """Of gunicorn's processes the one that is no child of another."""
    pids = stack.control_pids()
    (arbiter,) = (pid for pid in pids if (stat := stat_fields(pid)) and int(stat[1]) not in pids)
    return arbiter


def test_a_second_control_plane_is_refused_with_the_reason(stack: Stack) -> None:
    lock = stack.directory / "var" / "controller.lock"
    code = f"from service_management.host import lock; from pathlib import Path; \
lock.take(Path({str(lock)!r}), patience=0.5)"

    second = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert second.returncode != 0
    assert f"another control plane is running: it holds {lock}. Stop it first." in second.stderr
    assert "already running" in stack.orchestrator("up").stdout
    assert stack.info()["services"] == []


def test_killed_nginx_is_back_within_5_s_and_cuts_no_stream(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    job, streams = _ready(stack, route), Streams(stack, route, 2, seconds=8)
    pid_file = stack.run_dir / "nginx" / "nginx.pid"

    def seconds_away() -> float:
        master, killed = int(pid_file.read_text()), time.monotonic()
        os.kill(master, signal.SIGKILL)
        wait_for("a new master", lambda: _other_nginx(pid_file, master), 30)
        assert fetch_until_served(stack, route, 30).status_code == 200
        return time.monotonic() - killed

    median_within(5, seconds_away)
    other = f"{route}x"
    stack.configure(stack.entry(route), stack.entry(other))  # served by the new workers alone
    for _ in range(20):
        assert httpx.get(f"{stack.url}/{other}/echo", headers=NOW).status_code != 404
    streams.assert_uncut()
    assert _job(stack, route) == job
    assert stack.submissions(route) == 1


def _other_nginx(pid_file: Path, before: int) -> bool:
    text = pid_file.read_text().strip() if pid_file.exists() else ""
    return text.isdigit() and int(text) != before and Path(f"/proc/{text}").exists()


@pytest.fixture(autouse=True)
def _alive_afterwards(stack: Stack) -> None:
    stack.wait_until_alive()
