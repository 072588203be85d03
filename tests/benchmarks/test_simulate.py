"""The simulation runs, and the controller breaks no invariant in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.endpoint import ROOT
from benchmarks.simulate.agenda import Agenda
from benchmarks.simulate.cluster import ClusterJob
from benchmarks.simulate.invariants import ORPHANED_FOR, Invariants
from benchmarks.simulate.trace import drawn
from benchmarks.simulate.world import World
from service_management.controller.records import Records


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "benchmarks.simulate", *words]
    return subprocess.run(argv, cwd=ROOT, text=True, capture_output=True, timeout=60, check=False)


def test_a_simulated_morning_breaks_no_invariant(tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    done = simulate("--smoke", "--svg", str(chart))
    assert done.returncode == 0, done.stderr
    assert "\n0 invariants broken." in done.stdout
    for name in ("orchestrator", "Knative's rules", "always on"):
        assert f"\n| {name} | " in done.stdout
    assert ElementTree.parse(chart).getroot().tag.endswith("svg")


def test_the_same_seed_draws_the_same_trace() -> None:
    assert drawn(7, 0.2, 2, 3) == drawn(7, 0.2, 2, 3) != drawn(8, 0.2, 2, 3)


def test_the_agenda_keeps_the_order_of_time_and_entry() -> None:
    agenda, seen = Agenda(0.0), list[str]()
    agenda.at(2.0, lambda: seen.append("second"))
    agenda.at(1.0, lambda: seen.append("first"))
    agenda.at(2.0, lambda: seen.append("third"))
    agenda.run_until(1.5)
    assert (seen, agenda.next_at) == (["first"], 2.0)
    agenda.run_until(2.0)
    assert seen == ["first", "second", "third"]


def test_a_second_job_of_a_slot_is_noticed() -> None:
    invariants, service = Invariants(World(trace := drawn(1, 0.1, 1, 1))), trace.services[0]
    for number in ("1", "2"):
        name = f"io.{service.route}.s0.n{number}"
        invariants.job_changed(ClusterJob(number, name, 1, 60.0, "TIMEOUT", service))
    [text] = invariants.broken
    assert "2 live jobs of slot 0" in text


def test_more_than_one_successor_is_noticed() -> None:
    invariants, service = Invariants(World(trace := drawn(1, 0.1, 1, 1))), trace.services[0]
    for slot in range(service.most + 2):
        name = f"io.{service.route}.s{slot}.n{slot}"
        invariants.job_changed(ClusterJob(str(slot), name, 1, 60.0, "TIMEOUT", service))
    [text] = invariants.broken
    assert f"{service.most + 2} live jobs, max_replicas {service.most}" in text


def test_a_job_that_nobody_knows_is_noticed() -> None:
    world = World(trace := drawn(1, 0.1, 1, 1))
    invariants, records = Invariants(world), Records("io", Path("/keys"), {})
    job = ClusterJob("1", "io.lost.s0.n1", 1, 60.0, "TIMEOUT", trace.services[0])
    world.clusters[0].ours["1"] = job
    invariants.passed(records, {}, now := 1000.0)
    assert not invariants.broken
    invariants.passed(records, {}, now + ORPHANED_FOR + 1)
    [text] = invariants.broken
    assert "an orphan for" in text
    invariants.ended(records)
    assert "never ended" in invariants.broken[-1]
