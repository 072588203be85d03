"""kill -9 of the whole control plane, once, with a service in every state it can be in.

Each test then checks one of them: the same job, no second one, nothing cut
(with paramiko the streams are: its tunnels live in what was killed), and an ordinary end. The
fixture is slow to set up; the tests share its one crash.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from demo.cluster import Cluster
from tests.stack.clients import Background
from tests.stack.crash import HANDOVERS, HELD, ROLES, SCALE_UP, Crash, go_on, prepare
from tests.stack.gates import Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


@pytest.fixture(scope="module")
def crash(running: Stack, cluster: Cluster) -> Iterator[Crash]:
    gates, background, crash = Gates(cluster), Background(HELD), Crash(running)
    try:
        prepare(crash, gates, background)
        crash.before = {role: running.info(role) for role in ROLES}
        assert all(streams.flowing() for streams in crash.streams.values())
        running.kill_control_plane()
        go_on(crash, background)
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


# -- submitting -----------------------------------------------------------------------------


def test_crash_before_sbatch_ran_ends_with_the_intended_job(crash: Crash) -> None:
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


def test_crash_after_sbatch_ran_finds_the_job_without_its_id(crash: Crash) -> None:
    route, stack = "after_sbatch", crash.stack
    assert crash.before[route]["replicas"][0]["job_id"] is None

    answer = crash.again[route].result(timeout=30)

    assert answer.status_code == 200, answer.text
    assert crash.before[route]["replicas"][0]["job_name"] in stack.submitted_names()
    crash.assert_ends(route)


@pytest.mark.timeout(150)
def test_a_submission_that_never_reached_slurm_is_repeated(
    crash: Crash,
) -> None:
    """After it was given up, and the held request answered."""
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


def test_crash_while_ready_keeps_job_streams_and_clients(crash: Crash) -> None:
    route, stack = "serving", crash.stack
    assert stack.state(route) == "ready"
    crash.assert_same_job(route)
    assert crash.keep_alive is not None

    crash.streams[route].assert_untouched_by_control_plane()
    crash.keep_alive.assert_untouched_by_control_plane()

    crash.assert_ends(route)


# -- several replicas -----------------------------------------------------------------------


def test_crash_during_a_scale_up_ends_with_three_replicas(crash: Crash) -> None:
    """One of each: ready, starting, about to be submitted."""
    route = "scale_up"
    assert crash.phases_before(route) == SCALE_UP

    crash.gates[route].open()

    crash.assert_served_by(route, crash.jobs_before(route), submitted=3)


@pytest.mark.parametrize("route", HANDOVERS)
def test_crash_during_a_hand_over_ends_with_the_successor(crash: Crash, route: str) -> None:
    assert crash.phases_before(route) == HANDOVERS[route]
    (successor,) = (name for name in crash.jobs_before(route) if ".s1." in name)

    crash.gates["successor_starting"].open()

    if route in crash.streams:
        crash.streams[route].assert_untouched_by_control_plane()
    crash.assert_served_by(route, {successor}, submitted=2)


# -- draining, failed, disabled -------------------------------------------------------------


def test_crash_while_draining_finishes_requests_then_cancels(crash: Crash) -> None:
    route = "drain_busy"
    assert crash.before[route]["state"] == "draining"
    if crash.streams[route].flowing():
        crash.assert_same_job(route)

    crash.streams[route].assert_untouched_by_control_plane()

    crash.assert_ends(route)


def test_crash_after_the_cancel_was_decided_still_cancels(crash: Crash) -> None:
    route = "drain_cancelling"
    assert crash.before[route]["state"] == "draining"
    crash.assert_ends(route)


def test_crash_during_back_off_keeps_the_failure_and_its_reason(
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
