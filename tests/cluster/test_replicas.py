"""A service with three replicas under load, while one of them is killed, cut off or frozen.

No safe request fails, no POST is executed twice, and three replicas are ready afterwards.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from demo import processes
from demo.cluster import Cluster
from tests.stack.bringup import empty
from tests.stack.clients import Background
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

ROUTE = "several"
CLIENTS = {"GET": 6, "POST": 2}
PAUSE = 0.1  # of a client between two requests
NOT_SENT_AGAIN = (502, 504)  # the client is told, and decides


@dataclass(frozen=True)
class Request:
    name: str
    method: str
    status: int
    begun: float
    seconds: float


@dataclass
class Load:
    """Clients on kept connections, each with one request at a time."""

    stack: Stack
    requests: list[Request] = field(default_factory=list)
    _ended: Event = field(default_factory=Event)

    def ask(self, method: str, client_number: int) -> None:
        number = 0
        with httpx.Client(base_url=self.stack.url, timeout=120) as client:
            while not self._ended.wait(PAUSE):
                name, number = f"{id(self)}-{method}-{client_number}-{number}", number + 1
                begun = time.monotonic()
                answer = client.request(method, f"/{ROUTE}/echo", params={"id": name})
                took = time.monotonic() - begun
                self.requests.append(Request(name, method, answer.status_code, begun, took))

    def end(self) -> None:
        self._ended.set()

    def has_flowed(self, more: int = 50) -> bool:
        """As many answers since the first call."""
        return len(self.requests) >= more

    def answered_since(self, when: float) -> int:
        return sum(one.status == 200 and one.begun > when for one in self.requests)


class Several:
    """The service, its replicas, and what they have executed."""

    def __init__(self, stack: Stack, cluster: Cluster) -> None:
        self.stack, self.cluster = stack, cluster
        self._record = cluster.home / "executed"

    def start(self) -> None:
        keys: dict[str, Any] = {"min_replicas": 3, "max_replicas": 3, "timeout": 600}
        # Two of them fill a node: one is alone on its own.
        keys |= {"sbatch_args": ["--cpus-per-task=16"], "env": {"RECORD_FILE": str(self._record)}}
        self.stack.configure(self.stack.entry(ROUTE, **keys))
        self.wait_until_three_are_ready()

    def wait_until_three_are_ready(self) -> None:
        wait_for("three are ready", lambda: len(self.ready()) == 3, 60)

    def replicas(self) -> list[dict[str, Any]]:
        replicas: list[dict[str, Any]] = self.stack.info(ROUTE)["replicas"]
        return replicas

    def ready(self) -> list[dict[str, Any]]:
        return [one for one in self.replicas() if one["state"] == "ready"]

    def alone_on_its_node(self) -> dict[str, Any]:
        ready = self.ready()
        nodes = Counter(one["node"] for one in ready)
        return next(one for one in ready if nodes[one["node"]] == 1)

    def executions(self) -> Counter[str]:
        """By method and id, of all replicas that ever were."""
        return Counter(self._record.read_text().splitlines())

    def server(self, replica: dict[str, Any]) -> processes.Process:
        mark = f"SLURM_JOB_ID={replica['job_id']}\0".encode()

        def is_server(pid: int) -> bool:
            proc = Path(f"/proc/{pid}")
            mine = mark in (proc / "environ").read_bytes() + b"\0"
            return mine and b"services.probe" in (proc / "cmdline").read_bytes()

        user = {one.pid for one in processes.of_user(self.cluster.spec.uid)}
        (server,) = processes.matching(lambda pid: pid in user and is_server(pid))
        return server


@pytest.fixture(scope="module")
def several(running: Stack, cluster: Cluster) -> Iterator[Several]:
    several = Several(running, cluster)
    try:
        several.start()
        yield several
    finally:
        empty(running)


@contextmanager
def load(several: Several) -> Iterator[Load]:
    """Flows inside the block; then every request is looked at."""
    load, background = Load(several.stack), Background(sum(CLIENTS.values()))
    clients = [(method, n) for method, count in CLIENTS.items() for n in range(count)]
    begun: list[Future[None]] = [
        background.start(lambda one=one: load.ask(*one)) for one in clients
    ]
    try:
        wait_for("requests flow", load.has_flowed, 30)
        yield load
        load.end()
        for one in begun:
            one.result(timeout=120)
    finally:
        load.end()
        background.close()
    assert_each_once(load, several.executions())


def assert_each_once(load: Load, executions: Counter[str]) -> None:
    failed = [one for one in load.requests if one.method == "GET" and one.status != 200]
    assert not failed
    for one in (one for one in load.requests if one.method == "POST"):
        executed = executions[f"POST {one.name}"]
        assert executed == 1 if one.status == 200 else executed <= 1, one
        assert one.status == 200 or one.status in NOT_SENT_AGAIN, one


def others_go_on(load: Load) -> Callable[[], bool]:
    since = time.monotonic()
    return lambda: load.answered_since(since) > 50


@pytest.mark.timeout(120)
def test_a_killed_replica_costs_no_safe_request(several: Several) -> None:
    with load(several) as flowing:
        victim = several.ready()[0]
        os.kill(several.server(victim).pid, signal.SIGKILL)
        wait_for("it is gone", lambda: _is_gone(several, victim), 30)
        wait_for("others answer", others_go_on(flowing), 20)
        several.wait_until_three_are_ready()


@pytest.mark.timeout(120)
def test_a_frozen_replica_is_taken_out_and_comes_back(several: Several) -> None:
    """What it had been sent waits for it. It is answered, once, when the process goes on."""
    with load(several) as flowing:
        victim = several.ready()[0]
        server = several.server(victim)
        processes.send([server], signal.SIGSTOP)
        try:
            wait_for("it is off its route", lambda: _is_off(several, victim, "silent"), 60)
            assert several.stack.state(ROUTE) == "ready"
            wait_for("others answer", others_go_on(flowing), 20)
        finally:
            processes.send([server], signal.SIGCONT)
        several.wait_until_three_are_ready()
        assert victim["job_id"] in {one["job_id"] for one in several.ready()}
    assert {one.status for one in flowing.requests} == {200}


@pytest.mark.timeout(150)
def test_a_replica_whose_node_is_cut_off_is_replaced(several: Several) -> None:
    with load(several) as flowing:
        victim = several.alone_on_its_node()
        several.cluster.cut(victim["node"])
        try:
            wait_for("it is off its route", lambda: _is_off(several, victim), 60)
            wait_for("others answer", others_go_on(flowing), 20)
            several.wait_until_three_are_ready()
        finally:
            several.cluster.heal(victim["node"])
    wait_for("no job is left over", lambda: len(several.stack.jobs(ROUTE)) == 3, 60)


def _is_gone(several: Several, replica: dict[str, Any]) -> bool:
    return replica["job_id"] not in {one["job_id"] for one in several.replicas()}


def _is_off(several: Several, replica: dict[str, Any], reason: str = "") -> bool:
    """Not ready any more; for this reason, if one is given."""
    left = [one for one in several.replicas() if one["job_id"] == replica["job_id"]]
    return all(
        one["state"] != "ready" and one["reason"] == (reason or one["reason"]) for one in left
    )
