"""A new job takes over from the old one under load: no request fails, none is executed twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stack.stack import Stack
from tests.stack.traffic import Volume, traffic
from tests.stack.waiting import wait_for


def serving(stack: Stack, route: str) -> set[str]:
    """The ids of its ready jobs."""
    replicas: list[dict[str, Any]] = stack.info(route)["replicas"]
    return {one["job_id"] for one in replicas if one["state"] == "ready"}


@pytest.mark.timeout(240)
def test_edit_restart_and_walltime_cost_no_request(stack: Stack, route: str) -> None:
    """100 requests/s and 20 streams on each of three services."""
    edited, restarted, expiring = routes = tuple(f"{route}-{n}" for n in range(3))

    def entries(model: str) -> list[dict[str, Any]]:
        return [
            stack.entry(edited, timeout=60, env={"MODEL": model}),
            stack.entry(restarted, timeout=60),
            stack.entry(expiring, timeout=60, sbatch_args=["--time=1"]),
        ]

    stack.configure(*entries("old"))
    for name in routes:
        assert stack.client.get(f"/{name}/echo").status_code == 200
    before = {name: serving(stack, name) for name in routes}
    with traffic(stack, routes, Volume(rate=300, connections=24, streams=60)) as reports:
        stack.write(entries("new"))
        assert stack.admin(restarted, "restart").status_code == 200
        for name in routes:
            wait_for(
                f"{name} is served by another job",
                lambda name=name: not serving(stack, name) & before[name],
                90,
                pause=0.5,
            )
            assert stack.info(name)["state"] == "ready"
    (report,) = reports
    assert report.failed == 0, report.failures
    answer = stack.client.get(f"/{edited}/env").json()
    assert answer["environment"]["MODEL"] == "new"
    for name in (edited, restarted):
        wait_for("the old job is gone", lambda name=name: len(stack.jobs(name)) == 1, 30)
        assert stack.submissions(name) == 2


@pytest.mark.timeout(150)
def test_a_drained_node_and_an_early_end_lead_to_a_successor(stack: Stack, route: str) -> None:
    """An early end is what squeue shows of a job that is preempted with a grace time. One after the
    other: the two jobs may run on one node."""
    drained, cut = f"{route}-drained", f"{route}-cut"
    keys = {"timeout": 120, "sbatch_args": ["--time=30"]}
    stack.configure(stack.entry(drained, **keys), stack.entry(cut, **keys))
    before = {}
    for name in (drained, cut):
        assert stack.client.get(f"/{name}/echo").status_code == 200
        (before[name],) = stack.info(name)["replicas"]

    def follows(name: str, reason: str) -> None:
        old = before[name]["job_id"]
        wait_for("another job serves", lambda: serving(stack, name) - {old}, 60, pause=0.5)
        assert stack.client.get(f"/{name}/echo").status_code == 200
        assert reason in str(stack.info(name)["events"])

    # Noted with its whole walltime by squeue, and then with less.
    stack.cluster.admin("scontrol", "update", f"JobId={before[cut]['job_id']}", "TimeLimit=1")
    follows(cut, "ending_early")
    with stack.cluster.drained(before[drained]["node"]):
        follows(drained, "node_draining")
