"""A control plane with a service in every state it can be in, and kill -9 of it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from tests.stack.clients import Background, KeepAlive, Streams
from tests.stack.gates import Gate, Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

TIMEOUT = 5  # idle seconds; long enough for the control plane to come back
HELD = 50
STREAMED = 40  # seconds: what is set up after them, and the crash, take less
NOW = {"Prefer": "wait=0"}
ROLES = (
    "before_sbatch",
    "sbatch_lost",
    "after_sbatch",
    "pending",
    "starting",
    "serving",
    "drain_busy",
    "drain_cancelling",
    "failing",
    "off",
)


@dataclass
class Crash:
    """The stack after its crash, and what stood before it."""

    stack: Stack
    gates: dict[str, Gate] = field(default_factory=dict)
    before: dict[str, dict[str, Any]] = field(default_factory=dict)  # /info, by role
    held: list[Future[httpx.Response]] = field(default_factory=list)
    streams: dict[str, Streams] = field(default_factory=dict)
    keep_alive: KeepAlive | None = None
    again: dict[str, Future[httpx.Response]] = field(default_factory=dict)  # asked once it is back

    def job_id(self, role: str) -> str:
        return str(self.before[role]["replicas"][0]["job_id"])

    def assert_same_job(self, route: str) -> None:
        assert self.stack.submissions(route) == 1
        assert [job["id"] for job in self.stack.jobs(route)] == [self.job_id(route)]
        assert self.stack.info(route)["replicas"][0]["job_id"] == self.job_id(route)

    def assert_ends(self, route: str, submitted: int = 1) -> None:
        """Idle, cold, and nothing left of it anywhere."""
        self.stack.wait_for_state(route, "cold", seconds=30)
        wait_for("the queue is empty", lambda: not self.stack.jobs(route), 10)
        names = [name for name in self.stack.submitted_names() if f".{route}.s0." in name]
        assert len(names) == submitted, names


def prepare(crash: Crash, gates: Gates, background: Background) -> None:
    stack = crash.stack
    crash.gates["starting"] = gates.close_service("starting")
    stack.configure(*(stack.entry(role, timeout=TIMEOUT, **_keys(crash, role)) for role in ROLES))
    stack.admin("off", "disable")
    for role in ("failing", "pending", "starting"):
        stack.client.get(f"/{role}/echo", headers=NOW)
    _let_fail_twice(stack)
    stack.wait_for_state("pending", "queued")
    stack.wait_for_state("starting", "starting")
    _bring_up(crash, background, "serving", "drain_busy", "drain_cancelling")
    crash.streams["serving"] = Streams(stack, "serving", 4, seconds=STREAMED)
    crash.streams["drain_busy"] = Streams(stack, "drain_busy", 1, seconds=STREAMED)
    crash.keep_alive = KeepAlive(stack, "serving")
    _stop_both(crash, gates)
    _submit_three(crash, gates, background)


def _keys(crash: Crash, role: str) -> dict[str, Any]:
    if role == "pending":
        return {"sbatch_args": ["--hold"]}
    if role == "starting":
        gate = str(crash.gates["starting"].path)
        return {"bash_file": "gated.sh", "env": {"GATE": gate}}
    if role == "failing":
        return {"env": {"CRASH_UNLESS_FILE": str(crash.stack.cluster.home / "gates" / "repaired")}}
    return {}


def _bring_up(crash: Crash, background: Background, *roles: str) -> None:
    client = crash.stack.client
    answers = [background.start(lambda role=role: client.get(f"/{role}/echo")) for role in roles]
    assert [answer.result(60).status_code for answer in answers] == [200] * len(roles)


def _let_fail_twice(stack: Stack) -> None:
    """Two failures: the back-off is then long enough to outlast the crash."""

    def failed_twice() -> bool:
        stack.client.get("/failing/echo", headers=NOW)
        info = stack.info("failing")
        return info["state"] == "failed" and info["failures"] >= 2

    wait_for("two attempts failed", failed_twice, 30, pause=0.2)


def _stop_both(crash: Crash, gates: Gates) -> None:
    """One waits for its stream to end, the other for its scancel to get through."""
    stack = crash.stack
    job = stack.info("drain_cancelling")["replicas"][0]["job_id"]
    crash.gates["scancel"] = gates.close("scancel", "before", f" {job} ")
    for role in ("drain_busy", "drain_cancelling"):
        stack.admin(role, "stop")
    crash.gates["scancel"].wait_until_reached()


def _submit_three(crash: Crash, gates: Gates, background: Background) -> None:
    stack = crash.stack
    for role in ("before_sbatch", "sbatch_lost"):
        _submit_to_gate(crash, gates.close("sbatch", "before", f"{role}.s0."), role)
    crash.held = [background.start(lambda n=n: post(stack, n)) for n in range(HELD)]
    wait_for("all are held", lambda: stack.info("before_sbatch")["held"] == HELD, 20)
    # From here squeue is silent too: it would report the id that sbatch has not printed yet.
    crash.gates["squeue"] = gates.close("squeue", "before", "--format")
    role = "after_sbatch"
    _submit_to_gate(crash, gates.close("sbatch", "after", f"{role}.s0."), role)


def _submit_to_gate(crash: Crash, gate: Gate, role: str) -> None:
    crash.gates[role] = gate
    crash.stack.client.get(f"/{role}/echo", headers=NOW)
    gate.wait_until_reached()


def go_on(crash: Crash, background: Background) -> None:
    """The login host's commands go on; what the tests look at is decided from here on."""
    client = crash.stack.client
    roles = ("before_sbatch", "sbatch_lost", "after_sbatch")
    crash.gates["sbatch_lost"].end_those_waiting()
    # At this moment: the far side's own time limit ends commands that wait there for too long.
    for role in roles:
        crash.gates[role].open()
    crash.stack.wait_until_alive()
    for role in roles:
        ask = partial(client.get, f"/{role}/executed", timeout=100)
        crash.again[role] = background.start(ask)
    for name in ("squeue", "scancel"):
        crash.gates[name].open()


def post(stack: Stack, number: int) -> httpx.Response:
    url = f"{stack.url}/before_sbatch/echo?id=held{number}"
    return httpx.post(url, content=b"body", timeout=30)
