"""A minute of silence, with services in several states: unknown is not gone.

Two clusters at one gateway: on one Slurm is silent, on the other the network, in the same minute.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from demo.cluster import Cluster
from tests.stack.clients import Background, Streams
from tests.stack.gates import Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for, watch

SILENCE = 60
STEADY = ("streaming", "pending", "starting")  # what only Slurm or the network could change
ROLES = (*STEADY, "idling", "cold")
IDLE = 40  # seconds: idle for the first time in the midst of the silence, not before it
NOW = {"Prefer": "wait=0"}


class Scene:
    """Services in several states on one cluster."""

    def __init__(self, stack: Stack, cluster: Cluster, kind: str, background: Background) -> None:
        self.stack, self.cluster, self.kind = stack, cluster, kind
        self.background, self.gates = background, Gates(cluster)
        self.starting = self.gates.close_service("starting")
        self.before: dict[str, dict[str, Any]] = {}
        self.streams: Streams | None = None

    def entries(self) -> list[dict[str, Any]]:
        keys: dict[str, dict[str, Any]] = {
            "pending": {"sbatch_args": ["--hold"]},
            "starting": {"bash_file": "gated.sh", "env": {"GATE": str(self.starting.path)}},
            "idling": {"timeout": IDLE},
        }
        where = {"remote_host": self.cluster.ssh_host, "ssh_username": self.cluster.ssh_user}
        where |= {"ssh_key_file": str(self.cluster.key_file)}
        return [self.stack.entry(self.route(role), **where, **keys.get(role, {})) for role in ROLES]

    def begin(self) -> None:
        for role in ("pending", "starting", "idling"):
            self.ask(role)
        self.streams = Streams(self.stack, self.route("streaming"), 3, seconds=SILENCE + 15)
        for role, state in (("pending", "queued"), ("starting", "starting"), ("idling", "ready")):
            self.stack.wait_for_state(self.route(role), state)
        wait_for("the held job's id", lambda: self.job("pending"), 10)
        self.before = {role: self.info(role) for role in STEADY}

    def end(self) -> None:
        if self.streams:
            self.streams.abandon()
        self.gates.remove()
        self.cluster.cancel_all()

    def route(self, role: str) -> str:
        return f"{self.kind}-{role}"

    def info(self, role: str) -> dict[str, Any]:
        return self.stack.info(self.route(role))

    def job(self, role: str) -> str:
        return str(self.info(role)["replicas"][0]["job_id"] or "")

    def ask(self, role: str) -> httpx.Response:
        return httpx.get(f"{self.stack.url}/{self.route(role)}/echo", headers=NOW, timeout=30)

    def queued(self, role: str) -> bool:
        return any(f".{self.route(role)}.s0." in job["name"] for job in self.cluster.jobs())

    def submissions(self, role: str) -> int:
        names = self.cluster.run("squeue -h -t all -o %j").split()
        return sum(f".{self.route(role)}.s0." in name for name in names)

    def unchanged(self) -> bool:
        now = {role: self.info(role) for role in STEADY}
        return all(_core(now[role]) == _core(self.before[role]) for role in STEADY)


def _core(info: dict[str, Any]) -> tuple[str, str]:
    return info["state"], info["replicas"][0]["job_id"]


@pytest.fixture
def scenes(stack: Stack, cluster: Cluster) -> Iterator[tuple[Scene, Scene]]:
    second, background = Path(f"/run/iod{os.getpid()}"), Background(4)
    with ExitStack() as cleaning:
        cleaning.callback(background.close)
        other = Cluster.up("hosts", second)
        cleaning.callback(other.down)
        scenes = Scene(stack, cluster, "slurm", background), Scene(stack, other, "net", background)
        cleaning.callback(wait_for, "no service", lambda: not stack.info()["services"], 30)
        cleaning.callback(stack.write, [])
        for scene in scenes:
            cleaning.callback(scene.end)
        stack.configure(*scenes[0].entries(), *scenes[1].entries())
        for scene in scenes:
            scene.begin()
        yield scenes


@pytest.mark.timeout(280)
def test_a_minute_of_silence_changes_nothing(
    scenes: tuple[Scene, Scene],
) -> None:
    """No job is cancelled or submitted twice: Slurm is silent on one cluster, the network on the
    other."""
    with ExitStack() as healing:
        scenes[0].cluster.freeze_slurmctld()
        healing.callback(scenes[0].cluster.thaw_slurmctld)
        scenes[1].cluster.cut("login")
        healing.callback(scenes[1].cluster.heal, "login")
        _sit_through(scenes)
        assert scenes[0].ask("streaming").status_code == 200  # only Slurm is silent there

    for scene in scenes:
        assert scene.streams is not None
        scene.streams.assert_uncut()
        _all_goes_on(scene)
        _asked_once(scene)


def _sit_through(scenes: tuple[Scene, Scene]) -> None:
    """A look at every service all the time, and requests for the cold ones."""
    asked = [scene.background.start(lambda scene=scene: scene.ask("cold")) for scene in scenes]
    watch("nothing changes", lambda: all(s.unchanged() for s in scenes), SILENCE, pause=0.5)
    for scene, answer in zip(scenes, asked, strict=True):
        _assert_reported(scene, answer)
        # Idleness is the gateway's own knowledge; that its job is gone would be Slurm's.
        assert scene.info("idling")["state"] == "draining"


def _assert_reported(scene: Scene, answer: Future[httpx.Response]) -> None:
    refused = answer.result(timeout=5)
    assert (refused.status_code, refused.json()["service"]) == (503, scene.route("cold"))
    assert refused.headers["Retry-After"]
    for role in STEADY:
        info = scene.info(role)
        assert info["cluster_trouble"], role
        assert info["cluster_trouble"] in info["text"]


def _all_goes_on(scene: Scene) -> None:
    wait_for("the trouble is over", lambda: not scene.info("streaming")["cluster_trouble"], 60)
    scene.cluster.admin("scontrol", "release", scene.before["pending"]["replicas"][0]["job_id"])
    scene.starting.open()
    for role in STEADY:
        scene.stack.wait_for_state(scene.route(role), "ready", seconds=40)
        assert scene.ask(role).status_code == 200
        assert scene.job(role) == scene.before[role]["replicas"][0]["job_id"]
        assert scene.submissions(role) == 1
    scene.stack.wait_for_state(scene.route("idling"), "cold", seconds=40)
    wait_for("its job is gone", lambda: not scene.queued("idling"), 10)


def _asked_once(scene: Scene) -> None:
    wait_for("who asked is served", lambda: scene.ask("cold").is_success, 60, pause=1)
    assert scene.submissions("cold") == 1
