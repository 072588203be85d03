"""Of two jobs with one port on one node only one is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from service_management.controller.port_conflicts import port_holders
from service_management.lifecycle.actions import Probe, Tunnel
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State
from tests.unit.controller.harness import Harness
from tests.unit.controller.samples import configured, with_job


def _at(record: Record, **changes: object) -> Record:
    return record.with_job(**changes)


STARTING = with_job("late", State.STARTING, 20.0)
READY = with_job("first", State.READY, 10.0)


def test_the_service_that_serves_has_the_port() -> None:
    for records in ([STARTING, READY], [READY, STARTING]):
        assert port_holders(records) == {"late": "first"}
    draining = replace(READY, state=State.DRAINING)
    assert port_holders([STARTING, draining]) == {"late": "first"}


def test_of_two_that_start_the_older_job_has_it() -> None:
    early = _at(with_job("early", State.STARTING, 10.0), started_at=12.0)
    assert port_holders([_at(STARTING, started_at=22.0), early]) == {"late": "early"}


def test_another_port_node_or_cluster_is_no_conflict() -> None:
    elsewhere = with_job("far", State.STARTING, 20.0, remote_host="other.example")
    for other in (_at(STARTING, port=8081), _at(STARTING, node="n2"), _at(STARTING, node="")):
        assert port_holders([READY, other, elsewhere]) == {}


def test_a_service_without_its_port_is_not_connected(tmp_path: Path) -> None:
    services = [configured("first"), configured("late", local_port=9001)]
    harness = Harness(tmp_path, READY, STARTING, services=services)
    calls = harness.restore().step()
    actions = {(call[1], type(call[2])): call[2] for call in calls if call[0] == "start"}
    assert (("first", Tunnel) in actions, ("late", Tunnel) in actions) == (True, False)
    probes = [actions[route, Probe] for route in ("first", "late")]
    assert [getattr(probe, "port_holder", None) for probe in probes] == ["", "first"]
    harness.close()
