"""A minute of silence, of Slurm and of SSH, services in several states: unknown is not gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from demo.cluster import Cluster
from tests.stack.clients import Background, Streams
from tests.stack.gates import Gate, Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for, watch

SILENCE = 60
ROLES = ("streaming", "idling", "pending", "starting", "cold")
STEADY = ("streaming", "pending", "starting")  # what only Slurm or the network could change
IDLE = 20  # seconds: idle for the first time in the midst of the silence
NOW = {"Prefer": "wait=0"}


@dataclass
class Scene:
    """Services in several states, before the silence."""

    stack: Stack
    starting: Gate
    streams: Streams
    background: Background
    before: dict[str, dict[str, Any]]
    submitted: dict[str, int]

    def states(self) -> dict[str, tuple[str, str]]:
        infos = {role: self.stack.info(role) for role in STEADY}
        return {role: (info["state"], _job(info)) for role, info in infos.items()}

    def ask_cold(self) -> Future[httpx.Response]:
        client = self.stack.client
        return self.background.start(lambda: client.get("/cold/echo?id=asked", headers=NOW))


def _job(info: dict[str, Any]) -> str:
    return str(info["replicas"][0]["job_id"])


@pytest.fixture
def scene(stack: Stack, cluster: Cluster) -> Iterator[Scene]:
    gates, background = Gates(cluster), Background(4)
    gate = gates.close_service("starting")
    streams = None
    try:
        stack.configure(*(stack.entry(role, **_keys(role, gate)) for role in ROLES))
        for role in ("pending", "starting", "idling"):
            stack.client.get(f"/{role}/echo", headers=NOW)
        streams = Streams(stack, "streaming", 3, seconds=SILENCE + 12)
        stack.wait_for_state("pending", "queued")
        stack.wait_for_state("starting", "starting")
        stack.wait_for_state("idling", "ready")
        before = {role: stack.info(role) for role in ROLES}
        submitted = {role: stack.submissions(role) for role in ROLES}
        yield Scene(stack, gate, streams, background, before, submitted)
    finally:
        background.close()
        if streams:
            streams.abandon()
        gates.remove()


def _keys(role: str, gate: Gate) -> dict[str, Any]:
    keys: dict[str, dict[str, Any]] = {
        "pending": {"sbatch_args": ["--hold"]},
        "starting": {"bash_file": "gated.sh", "env": {"GATE": str(gate.path)}},
        "idling": {"timeout": IDLE},
    }
    return keys.get(role, {})


def _sit_through(scene: Scene) -> None:
    """Silence, with a look at every service all the time, and somebody who asks."""
    stack, steady = scene.stack, scene.states()
    asked = scene.ask_cold()
    watch("nothing changes", lambda: scene.states() == steady, SILENCE, pause=0.5)
    answer = asked.result(timeout=5)
    assert (answer.status_code, answer.json()["service"]) == (503, "cold")
    assert "Retry-After" in answer.headers
    for role in STEADY:
        assert stack.info(role)["cluster_trouble"], role
        assert stack.info(role)["cluster_trouble"] in stack.info(role)["text"]
    # Idleness is the gateway's own knowledge; that the job is gone would be Slurm's.
    assert stack.state("idling") == "draining"


def _all_goes_on(scene: Scene) -> None:
    stack = scene.stack
    wait_for("the trouble is over", lambda: not stack.info("streaming")["cluster_trouble"], 60)
    stack.cluster.admin("scontrol", "release", _job(scene.before["pending"]))
    scene.starting.open()
    for role in ("streaming", "pending", "starting"):
        stack.wait_for_state(role, "ready", seconds=30)
        assert stack.client.get(f"/{role}/echo").status_code == 200
        assert _job(stack.info(role)) == _job(scene.before[role])
        assert stack.submissions(role) == scene.submitted[role]
    stack.wait_for_state("idling", "cold", seconds=30)
    assert not stack.jobs("idling")


def _asked_once(scene: Scene) -> None:
    stack = scene.stack
    served: Callable[[], bool] = lambda: stack.client.get("/cold/echo").is_success  # noqa: E731
    wait_for("who asked in the silence is served", served, 60, pause=1)
    assert stack.submissions("cold") == scene.submitted["cold"] + 1


@pytest.mark.timeout(240)
def test_slurm_silent_for_a_minute_changes_cancels_and_doubles_nothing(scene: Scene) -> None:
    cluster = scene.stack.cluster
    cluster.freeze_slurmctld()
    try:
        _sit_through(scene)
        assert scene.streams.flowing()
        assert scene.stack.client.get("/streaming/echo").status_code == 200
    finally:
        cluster.thaw_slurmctld()

    _all_goes_on(scene)
    _asked_once(scene)
    scene.streams.assert_uncut()


@pytest.mark.timeout(240)
def test_network_silent_for_a_minute_changes_cancels_and_doubles_nothing(scene: Scene) -> None:
    cluster = scene.stack.cluster
    cluster.cut("login")
    try:
        _sit_through(scene)
    finally:
        cluster.heal("login")

    scene.streams.assert_uncut()
    _all_goes_on(scene)
    _asked_once(scene)
