"""Of two jobs with one port on one node only one is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from service_management.controller.port_conflicts import port_holders
from service_management.lifecycle.actions import Probe, Tunnel
from service_management.lifecycle.states import Phase, State
from tests.unit.controller.harness import Harness
from tests.unit.controller.samples import configured, with_job, with_jobs
from tests.unit.records import only

SERVING = with_job("first", State.READY, 10.0)
WAITING = with_job("late", State.STARTING, 20.0)
FIRST, LATE = only(SERVING), only(WAITING)
LATE_HELD = {LATE.job.name: "first"}


def test_the_service_that_serves_has_the_port() -> None:
    for replicas in ([LATE, FIRST], [FIRST, LATE]):
        assert port_holders(replicas) == LATE_HELD
    draining = replace(FIRST, phase=Phase.DRAINING)
    assert port_holders([LATE, draining]) == LATE_HELD


def test_of_two_that_start_the_older_job_has_it() -> None:
    early = only(with_job("early", State.STARTING, 10.0)).with_job(started_at=12.0)
    late = LATE.with_job(started_at=22.0)
    assert port_holders([late, early]) == {late.job.name: "early"}


def test_another_port_node_or_cluster_is_no_conflict() -> None:
    elsewhere = only(with_job("far", State.STARTING, 20.0, remote_host="other.example"))
    for other in (LATE.with_job(port=8081), LATE.with_job(node="n2"), LATE.with_job(node="")):
        assert port_holders([FIRST, other, elsewhere]) == {}


def test_replicas_of_one_service_may_conflict_too() -> None:
    """With a fixed port on one node. On another node the third has the port to itself."""
    three = with_jobs("first", 10.0, State.READY, State.STARTING, State.STARTING)
    first, second, third = (one.with_job(port=8080) for one in three.replicas)
    elsewhere = third.with_job(node="n2")
    assert port_holders([elsewhere, second, first]) == {second.job.name: "first"}


def test_a_service_without_its_port_is_not_connected(tmp_path: Path) -> None:
    services = [configured("first"), configured("late", local_port=9001)]
    harness = Harness(tmp_path, SERVING, WAITING, services=services)
    calls = harness.restore().step()
    actions = {(call[1], type(call[2])): call[2] for call in calls if call[0] == "start"}
    assert (("first", Tunnel) in actions, ("late", Tunnel) in actions) == (True, False)
    probes = [actions[route, Probe] for route in ("first", "late")]
    assert [getattr(probe, "port_holder", None) for probe in probes] == ["", "first"]
    harness.close()


def test_only_the_replica_without_its_port_is_not_connected(tmp_path: Path) -> None:
    both = with_jobs("first", 10.0, State.READY, State.STARTING)
    both = both.with_replicas(*(one.with_job(port=8080) for one in both.replicas))
    first, second = both.replicas
    harness = Harness(
        tmp_path, both, services=[configured("first", min_replicas=2, max_replicas=2)]
    )
    actions = [call[2] for call in harness.restore().step() if call[0] == "start"]
    assert Tunnel(first.job) in actions
    assert Tunnel(second.job) not in actions
    assert Probe(second.job, port_holder="first") in actions
    harness.close()
