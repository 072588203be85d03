"""A service grows from one replica to three with its load, and shrinks again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import httpx
import pytest

from demo.cluster import Cluster
from tests.stack.clients import Background
from tests.stack.gates import Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

CLIENTS = 40
WORKERS = 8  # requests that a replica answers at a time, for SLEEP seconds each
SLEEP = 0.5
MEASURED = 10.0  # seconds
KEYS = {"target_inflight": WORKERS, "max_replicas": 3, "scale_down_delay": 5, "timeout": 600}


@dataclass(frozen=True)
class Answer:
    at: float
    status: int
    pid: int | None  # of the replica


@dataclass
class Load:
    """Clients that send a request each, and another one as soon as it is answered."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    ended: Event = field(default_factory=Event)

    def ask(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self.ended.is_set():
                answer = client.get(self.url, params={"seconds": SLEEP})
                pid = answer.json().get("pid")
                self.answers.append(Answer(time.monotonic(), answer.status_code, pid))

    def by_replica(self, since: float) -> Counter[int | None]:
        """Answers within the measured time."""
        return Counter(one.pid for one in self.answers if since <= one.at < since + MEASURED)


@pytest.fixture
def gates(stack: Stack, cluster: Cluster) -> Iterator[Gates]:
    gates = Gates(cluster)
    yield gates
    gates.remove()


def phases(stack: Stack, route: str) -> list[str]:
    return [one["state"] for one in stack.info(route)["replicas"]]


def names(stack: Stack, route: str) -> set[str]:
    replicas: list[dict[str, Any]] = stack.info(route)["replicas"]
    return {one["job_name"] for one in replicas}


def measured(load: Load) -> Counter[int | None]:
    since = time.monotonic()
    wait_for("it is measured", lambda: time.monotonic() >= since + MEASURED, MEASURED + 5)
    return load.by_replica(since)


@pytest.mark.timeout(240)
def test_replicas_come_and_go_with_the_load(stack: Stack, route: str, gates: Gates) -> None:
    """Up to one on each of three nodes. The control plane is killed while two of them start."""
    gate = gates.close_service(route)
    gate.open()  # for the first
    keys = {**KEYS, "env": {"GATE": str(gate.path), "WORKERS": str(WORKERS)}}
    stack.configure(stack.entry(route, bash_file="gated.sh", sbatch_args=["--exclusive"], **keys))
    single, peak = (Load(f"{stack.url}/{route}/slow") for _ in range(2))
    background = Background(CLIENTS + 1)
    try:
        clients = [background.start(single.ask)]  # type: ignore[arg-type]
        wait_for("one client is served", lambda: len(single.answers) > 2, 40)
        assert phases(stack, route) == ["ready"]

        gate = gates.close_service(route)
        clients += [background.start(peak.ask) for _ in range(CLIENTS - 1)]  # type: ignore[arg-type]
        coming = ["ready", "starting", "starting"]
        wait_for("two more are coming", lambda: phases(stack, route) == coming, 60)
        before = names(stack, route)
        one = measured(peak).total()
        if stack.tunnels_outlive_control_plane:
            stack.kill_control_plane()
            stack.wait_until_alive()

        gate.open()
        wait_for("three are ready", lambda: phases(stack, route) == ["ready"] * 3, 40)
        assert names(stack, route) == before
        assert len({each["node"] for each in stack.info(route)["replicas"]}) == 3
        wait_for("all three answer", lambda: len({a.pid for a in peak.answers}) == 3, 20)
        three = measured(peak)
        assert three.total() >= 2.8 * one
        even = three.total() / 3
        assert all(abs(count - even) <= 0.1 * even for count in three.values()), three

        peak.ended.set()
        wait_for("one is left", lambda: phases(stack, route) == ["ready"], 100, pause=0.5)
        single.ended.set()
        for client in clients:
            client.result(timeout=60)
        assert {one.status for one in (*single.answers, *peak.answers)} == {200}
        assert stack.submissions(route) == 3
        wait_for("no job is left over", lambda: len(stack.jobs(route)) == 1, 30)
    finally:
        single.ended.set()
        peak.ended.set()
        background.close()
