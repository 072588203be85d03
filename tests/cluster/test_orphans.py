"""Jobs without a record, and jobs that another user ended."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.stack.clients import Streams, fetch_until_served
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

NOW = {"Prefer": "wait=0"}


def _job(stack: Stack, route: str) -> str:
    return str(stack.info(route)["replicas"][0]["job_id"])


def _refused(stack: Stack, route: str) -> httpx.Response | None:
    """By the control plane: what met the end of the service itself is a 502."""
    answer = stack.client.get(f"/{route}/echo", headers=NOW)
    return answer if answer.status_code == 503 else None


@pytest.mark.parametrize("forgotten", [False, True], ids=["with its store", "without its store"])
def test_a_gateway_stopped_with_keep_jobs_adopts_them_later(
    stack: Stack, service: Callable[..., str], forgotten: bool
) -> None:
    route = service(timeout=600)
    assert stack.client.get(f"/{route}/echo").status_code == 200
    job = _job(stack, route)

    stack.orchestrator("down", "--keep-jobs")
    if forgotten:
        for file in (stack.directory / "var").glob("state.db*"):
            file.unlink()
    stack.orchestrator("up")

    stack.wait_for_state(route, "ready", seconds=20)
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert _job(stack, route) == job
    assert stack.submissions(route) == 1
    if forgotten:
        assert "adopted" in [event["reason"] for event in stack.info(route)["events"]]
    service(timeout=2)
    stack.wait_for_state(route, "cold", seconds=20)
    wait_for("the queue is empty", lambda: not stack.jobs(route), 10)


def test_only_own_duplicates_and_unknown_routes_are_cancelled(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    assert stack.client.get(f"/{route}/echo").status_code == 200
    job = _job(stack, route)
    submit = "sbatch --parsable --wrap='exec sleep 300' --job-name={}"
    foreign, duplicate, ghost = (
        stack.cluster.run(submit.format(name)).strip()
        for name in (
            f"someone-else.{route}.0.20001.aaaaaaaa",
            f"{stack.identity}.{route}.0.20002.bbbbbbbb",
            f"{stack.identity}.no-such-route.s0.cccccccc",
        )
    )

    def left() -> set[str]:
        return {entry["id"] for entry in stack.cluster.jobs()}

    wait_for("both are cancelled", lambda: not {duplicate, ghost} & left(), 30)
    assert {job, foreign} <= left()
    assert stack.state(route) == "ready"
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert _job(stack, route) == job


@pytest.mark.timeout(120)
def test_an_abandoned_job_is_cancelled_once_slurm_is_back(
    stack: Stack, service: Callable[..., str]
) -> None:
    """An answer in flight keeps it from being cancelled before it is given up."""
    route = service(timeout=600)
    streams = Streams(stack, route, 1, seconds=60)
    job = _job(stack, route)
    early = stack.orchestrator("abandon", route, "0", check=False)
    assert (early.returncode, "stop the service first" in early.stderr) == (1, True)

    stack.cluster.freeze_slurmctld()
    try:
        assert stack.admin(route, "stop").json()["state"] == "draining"
        assert stack.orchestrator("abandon", route, "0").stdout == f"{route}: cold\n"
        assert [one["job_id"] for one in stack.details(route)["abandoned"]] == [job]
        assert stack.info(route)["replicas"] == []
    finally:
        stack.cluster.thaw_slurmctld()
        streams.abandon()

    assert stack.client.get(f"/{route}/echo").status_code == 200
    new = _job(stack, route)
    wait_for("its end is known", lambda: not stack.details(route)["abandoned"], 40)
    assert [one["id"] for one in stack.jobs(route)] == [new]
    assert new != job
    assert "cancelling an abandoned job" in stack.log()
    texts = [event["text"] for event in stack.info(route)["events"]]
    assert any("an operator gave up its job" in text and job in text for text in texts)
    assert any("gave up is over" in text and job in text for text in texts)


def test_a_foreign_cancel_while_ready_is_reported_and_recovered(
    stack: Stack, service: Callable[..., str]
) -> None:
    """The next request starts another job."""
    route = service()
    assert stack.client.get(f"/{route}/echo").status_code == 200
    job = _job(stack, route)

    stack.cluster.admin("scancel", job)

    wait_for("a refusal", lambda: _refused(stack, route), 10)
    wait_for("it is noticed", lambda: stack.info(route)["last_error"], 20)
    error = stack.info(route)["last_error"]
    assert (error["job_id"], error["slurm_state"]) == (job, "CANCELLED")
    assert f"job {job}: Slurm says CANCELLED" in error["text"]
    fetch_until_served(stack, route, 20)
    assert stack.submissions(route) == 2


def test_a_foreign_cancel_while_queued_is_reported_to_clients(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(sbatch_args=["--hold"])
    stack.client.get(f"/{route}/echo", headers=NOW)
    stack.wait_for_state(route, "queued")
    job = wait_for("its id", lambda: stack.info(route)["replicas"][0]["job_id"], 10)

    stack.cluster.admin("scancel", str(job))
    stack.wait_for_state(route, "failed", seconds=20)
    refused = stack.client.get(f"/{route}/echo", headers=NOW)

    assert refused.status_code == 503
    assert refused.json()["job"]["id"] == job
    assert "Slurm says CANCELLED" in refused.json()["detail"]
    assert refused.headers["Retry-After"]

    def asked_again() -> bool:
        stack.client.get(f"/{route}/echo", headers=NOW)
        return stack.state(route) == "queued"

    wait_for("the next request submits again", asked_again, 10)
    wait_for("the second job", lambda: stack.submissions(route) == 2, 10)


def test_a_job_requeued_while_ready_is_replaced_sooner(
    stack: Stack, service: Callable[..., str]
) -> None:
    """Slurm would let it wait for two minutes."""
    route = service()
    assert stack.client.get(f"/{route}/echo").status_code == 200
    info = stack.info(route)["replicas"][0]
    job, first_node = info["job_id"], info["node"]
    node = ("scontrol", "update", f"NodeName={first_node}", "Reason=test")
    stack.cluster.admin(*node, "State=DRAIN")
    try:
        stack.cluster.admin("scontrol", "requeue", job)
        wait_for("it is off its route", lambda: stack.state(route) != "ready", 20)

        answer = stack.client.get(f"/{route}/echo", headers={"Prefer": "wait=60"})

        assert answer.status_code == 200, answer.text
        info = stack.info(route)["replicas"][0]
        assert info["job_id"] != job
        assert info["node"] != first_node
        assert stack.submissions(route) == 2
        wait_for("the first is withdrawn", lambda: len(stack.jobs(route)) == 1, 20)
    finally:
        stack.cluster.admin(*node, "State=RESUME")
