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
HANDOVERS = {  # the phases of both replicas
    "successor_submitted": ["ready", "queued"],
    "successor_starting": ["ready", "starting"],
    "successor_ready": ["ready", "draining"],
}
SCALE_UP = ["ready", "starting", "queued"]
LASTING = {"timeout": 600, "max_replicas": 3}
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
    "scale_up",
    *HANDOVERS,
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

    def jobs_before(self, route: str) -> set[str]:
        """Their names, also of those that Slurm had not accepted yet."""
        return {one["job_name"] for one in self.before[route]["replicas"]}

    def phases_before(self, route: str) -> list[str]:
        return [one["state"] for one in self.before[route]["replicas"]]

    def assert_served_by(self, route: str, names: set[str], submitted: int) -> None:
        """By exactly these jobs; Slurm was given no other ones, and has none left over."""

        def ready() -> bool:
            replicas = self.stack.info(route)["replicas"]
            return {(one["job_name"], one["state"]) for one in replicas} == {
                (name, "ready") for name in names
            }

        wait_for(f"{route} is served by {names}", ready, 60)
        assert {job["name"] for job in self.stack.jobs(route)} == names
        assert self.stack.submissions(route) == submitted

    def assert_ends(self, route: str, submitted: int = 1) -> None:
        """Idle, cold, and nothing left of it anywhere."""
        self.stack.wait_for_state(route, "cold", seconds=30)
        wait_for("the queue is empty", lambda: not self.stack.jobs(route), 10)
        names = [name for name in self.stack.submitted_names() if f".{route}.s0." in name]
        assert len(names) == submitted, names


def prepare(crash: Crash, gates: Gates, background: Background) -> None:
    stack = crash.stack
    for role in ("starting", "scale_up", "successor_starting"):
        crash.gates[role] = gates.close_service(role)
        if role != "starting":
            crash.gates[role].open()  # for its first job
    stack.configure(*_entries(crash))
    stack.admin("off", "disable")
    for role in ("failing", "pending", "starting"):
        stack.client.get(f"/{role}/echo", headers=NOW)
    _let_fail_twice(stack)
    stack.wait_for_state("pending", "queued")
    stack.wait_for_state("starting", "starting")
    _bring_up(crash, background, "serving", "drain_busy", "drain_cancelling")
    _bring_up(crash, background, "scale_up", *HANDOVERS)
    crash.streams["serving"] = Streams(stack, "serving", 4, seconds=STREAMED)
    crash.streams["drain_busy"] = Streams(stack, "drain_busy", 1, seconds=STREAMED)
    crash.keep_alive = KeepAlive(stack, "serving")
    _replace_two(crash, gates)
    _stop_both(crash, gates)
    _scale_up(crash, gates)
    _submit_three(crash, gates, background)
    _replace_third(crash, gates)


def _entries(crash: Crash, **scale_up: Any) -> list[dict[str, Any]]:
    keys = {role: {"timeout": TIMEOUT, **_keys(crash, role)} for role in ROLES}
    keys["scale_up"] |= scale_up
    return [crash.stack.entry(role, **keys[role]) for role in ROLES]


def _keys(crash: Crash, role: str) -> dict[str, Any]:
    if role == "pending":
        return {"sbatch_args": ["--hold"]}
    # Not idle before the crash, however long the others take until then.
    lasting = LASTING if role in ("scale_up", "drain_cancelling", *HANDOVERS) else {}
    if role in ("starting", "scale_up", "successor_starting"):
        return {"bash_file": "gated.sh", "env": {"GATE": str(crash.gates[role].path)}, **lasting}
    if role == "failing":
        return {"env": {"CRASH_UNLESS_FILE": str(crash.stack.cluster.home / "gates" / "repaired")}}
    return lasting


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


def _replace_two(crash: Crash, gates: Gates) -> None:
    """One successor is still loading. One serves, and a stream holds up the end of the old job."""
    stack = crash.stack
    crash.streams["successor_ready"] = Streams(stack, "successor_ready", 1, seconds=STREAMED)
    gates.close_service("successor_starting")
    for role in ("successor_starting", "successor_ready"):
        stack.admin(role, "restart")
        _wait_for_phases(stack, role, HANDOVERS[role])


def _replace_third(crash: Crash, gates: Gates) -> None:
    """The successor exists; its id is not known."""
    role = "successor_submitted"
    crash.gates[role] = gates.close("sbatch", "after", f"{role}.s1.")
    crash.stack.admin(role, "restart")
    crash.gates[role].wait_until_reached()


def _scale_up(crash: Crash, gates: Gates) -> None:
    """From one replica to three."""
    gates.close_service("scale_up")
    crash.gates["third"] = gates.close("sbatch", "before", "scale_up.s2.")
    crash.stack.write(_entries(crash, min_replicas=3))
    crash.gates["third"].wait_until_reached()
    _wait_for_phases(crash.stack, "scale_up", SCALE_UP)


def _wait_for_phases(stack: Stack, route: str, phases: list[str]) -> None:
    def seen() -> bool:
        return [one["state"] for one in stack.info(route)["replicas"]] == phases

    wait_for(f"{route}: {phases}", seen, 20)


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
    for role in (*roles, "third", "successor_submitted"):
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
