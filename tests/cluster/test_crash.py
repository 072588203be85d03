"""kill -9 of the whole control plane, once, with a service in every state it can be in.

Each test then looks at what became of one of them: the same job, no second one, nothing cut,
and an ordinary end. The fixture is slow to set up; the tests share its one crash.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest

from demo.cluster import Cluster
from tests.stack.clients import Background, KeepAlive, Streams
from tests.stack.gates import Gate, Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

TIMEOUT = 5  # idle seconds; long enough for the control plane to come back
HELD = 50
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
        assert self.stack.submissions(route) == submitted


@pytest.fixture(scope="module")
def crash(running: Stack, cluster: Cluster) -> Iterator[Crash]:
    gates, background, crash = Gates(cluster), Background(HELD), Crash(running)
    try:
        _prepare(crash, gates, background)
        crash.before = {role: running.info(role) for role in ROLES}
        running.kill_control_plane()
        _go_on(crash, background)
        yield crash
    finally:
        background.close()
        for streams in crash.streams.values():
            streams.abandon()
        gates.remove()
        cluster.cancel_all()
        running.wait_until_alive()
        running.write([])
        wait_for("no service is left", lambda: not running.info()["services"], 90)
        wait_for("no job is left", lambda: not running.jobs(), 20)
        shutil.rmtree(cluster.home / "gates", ignore_errors=True)


def _prepare(crash: Crash, gates: Gates, background: Background) -> None:
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
    crash.streams["serving"] = Streams(stack, "serving", 4, seconds=20)
    crash.streams["drain_busy"] = Streams(stack, "drain_busy", 1, seconds=20)
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
        _submit_to_gate(crash, gates.close("sbatch", "before", f"{role}.0."), role)
    crash.held = [background.start(lambda n=n: _post(stack, n)) for n in range(HELD)]
    wait_for("all are held", lambda: stack.info("before_sbatch")["held"] == HELD, 20)
    # From here squeue is silent too: it would tell the id that sbatch has not told yet.
    crash.gates["squeue"] = gates.close("squeue", "before", "--format")
    role = "after_sbatch"
    _submit_to_gate(crash, gates.close("sbatch", "after", f"{role}.0."), role)


def _submit_to_gate(crash: Crash, gate: Gate, role: str) -> None:
    crash.gates[role] = gate
    crash.stack.client.get(f"/{role}/echo", headers=NOW)
    gate.wait_until_reached()


def _go_on(crash: Crash, background: Background) -> None:
    """The login host's commands go on; what the tests look at is decided from here on."""
    client = crash.stack.client
    roles = ("before_sbatch", "sbatch_lost", "after_sbatch")
    crash.gates["sbatch_lost"].end_those_waiting()
    crash.stack.wait_until_alive()
    assert all(streams.flowing() for streams in crash.streams.values())
    for role in roles:
        ask = partial(client.get, f"/{role}/executed", timeout=100)
        crash.again[role] = background.start(ask)
    for name in (*roles, "squeue", "scancel"):
        crash.gates[name].open()


def _post(stack: Stack, number: int) -> httpx.Response:
    url = f"{stack.url}/before_sbatch/echo?id=held{number}"
    return httpx.post(url, content=b"body", timeout=30)


# -- submitting -----------------------------------------------------------------------------


def test_crash_before_sbatch_ran_ends_with_the_one_job_of_the_written_intent(crash: Crash) -> None:
    route, stack = "before_sbatch", crash.stack
    assert crash.before[route]["replicas"][0]["job_id"] is None
    for answer in crash.held:
        refused = answer.result(timeout=5)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert refused.headers["Content-Type"] == "application/problem+json"

    answer = crash.again[route].result(timeout=30)

    assert answer.status_code == 200, answer.text
    assert not answer.json()["ids"]  # what was refused was not executed
    assert crash.before[route]["replicas"][0]["job_name"] in stack.submitted_names()
    crash.assert_ends(route)


def test_crash_after_sbatch_ran_finds_the_job_whose_id_nobody_was_told(crash: Crash) -> None:
    route, stack = "after_sbatch", crash.stack
    assert crash.before[route]["replicas"][0]["job_id"] is None

    answer = crash.again[route].result(timeout=30)

    assert answer.status_code == 200, answer.text
    assert crash.before[route]["replicas"][0]["job_name"] in stack.submitted_names()
    crash.assert_ends(route)


@pytest.mark.timeout(150)
def test_submission_that_never_reached_slurm_is_given_up_and_told_then_made_anew(
    crash: Crash,
) -> None:
    route, stack = "sbatch_lost", crash.stack

    held = crash.again[route].result(timeout=100)

    assert held.status_code == 503, held.text
    assert held.json()["reason"] == "submit_lost"
    assert stack.submissions(route) == 0
    wait_for("the back-off is over", lambda: stack.client.get(f"/{route}/echo").is_success, 20)
    crash.assert_ends(route)


# -- queued, starting, ready ----------------------------------------------------------------


def test_crash_while_queued_keeps_the_job_and_its_place(crash: Crash) -> None:
    route, stack = "pending", crash.stack
    assert stack.state(route) == "queued"
    crash.assert_same_job(route)

    stack.cluster.admin("scontrol", "release", crash.job_id(route))

    stack.wait_for_state(route, "ready")
    crash.assert_same_job(route)
    crash.assert_ends(route)


def test_crash_while_starting_ends_ready_with_the_same_job(crash: Crash) -> None:
    route, stack = "starting", crash.stack
    assert stack.state(route) == "starting"
    crash.assert_same_job(route)

    crash.gates["starting"].open()

    answer = stack.client.get(f"/{route}/echo")
    assert answer.status_code == 200, answer.text
    crash.assert_same_job(route)
    crash.assert_ends(route)


def test_crash_while_ready_cuts_no_stream_and_no_keep_alive_client(crash: Crash) -> None:
    route, stack = "serving", crash.stack
    assert stack.state(route) == "ready"
    crash.assert_same_job(route)
    assert crash.keep_alive is not None

    crash.streams[route].assert_uncut()
    crash.keep_alive.assert_always_answered()

    crash.assert_ends(route)


# -- draining, failed, disabled -------------------------------------------------------------


def test_crash_while_draining_lets_what_is_in_flight_finish_then_cancels(crash: Crash) -> None:
    route = "drain_busy"
    assert crash.before[route]["state"] == "draining"
    if crash.streams[route].flowing():
        crash.assert_same_job(route)

    crash.streams[route].assert_uncut()

    crash.assert_ends(route)


def test_crash_after_the_cancel_was_decided_still_cancels(crash: Crash) -> None:
    route = "drain_cancelling"
    assert crash.before[route]["state"] == "draining"
    crash.assert_ends(route)


def test_crash_during_the_back_off_forgets_neither_the_failure_nor_its_reason(
    crash: Crash,
) -> None:
    route, stack = "failing", crash.stack
    before, after = crash.before[route], stack.info(route)
    assert (after["state"], after["failures"]) == ("failed", before["failures"])
    assert after["last_error"] == before["last_error"]
    assert after["retry_at"] == before["retry_at"]

    (stack.cluster.home / "gates" / "repaired").touch()

    wait_for("repaired", lambda: stack.client.get(f"/{route}/echo").is_success, 30)
    assert stack.submissions(route) == before["failures"] + 1
    crash.assert_ends(route, submitted=before["failures"] + 1)


def test_disabled_stays_disabled(crash: Crash) -> None:
    route, stack = "off", crash.stack
    assert stack.state(route) == "disabled"

    refused = stack.client.get(f"/{route}/echo")

    assert (refused.status_code, refused.json()["state"]) == (503, "disabled")
    assert stack.submissions(route) == 0
