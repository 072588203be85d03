"""A ready replica whose health checks get no answer: frozen, cut off, or only busy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle import intervals
from service_management.lifecycle.decision import Context
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.policy import SILENT_FOR, Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.transitions import decide

from .samples import NOW, POLICY, READY

NO_ANSWER = Finding(Saw.SILENT, "/health")


class Checked:
    """A service with these ready replicas, and what their health checks find."""

    def __init__(self, names: str = "abc", policy: Policy = POLICY) -> None:
        (one,) = READY.replicas
        replicas = [
            replace(one.with_job(name=name, job_id=str(slot)), slot=slot)
            for slot, name in enumerate(names)
        ]
        self.record: ServiceRecord = replace(READY, replicas=tuple(replicas))
        self._policy = policy

    def answers(self, *names: str) -> Checked:
        return self._found(names, ev.Health.HEALTHY, 0.0, None)

    def silent(self, *names: str, times: int = 1, watched: float = 0.0) -> Checked:
        for _ in range(times):
            self._found(names, ev.Health.SILENT, watched, NO_ANSWER)
        return self

    def without_tunnel(self, name: str, times: int) -> Checked:
        for _ in range(times):
            self._found((name,), ev.Health.SILENT, 0.0, None)
        return self

    def refuses(self, name: str) -> Checked:
        return self._found((name,), ev.Health.UNHEALTHY, 0.0, Finding(Saw.REFUSED, "/health"))

    def replica(self, name: str) -> Replica:
        return next(one for one in self.record.replicas if one.job.name == name)

    @property
    def routed(self) -> str:
        return "".join(one.job.name for one in self.record.ready)

    def _found(
        self, names: tuple[str, ...], health: ev.Health, watched: float, finding: Finding | None
    ) -> Checked:
        for name in names:
            event = ev.Probed(name, health, watched, finding)
            kept = decide(self.record, event, Context(NOW, self._policy))
            assert kept is not None
            self.record = kept
        return self


def test_a_replica_that_alone_is_silent_leaves_its_route() -> None:
    service = Checked().silent("a").answers("b").silent("a")
    assert service.routed == "abc"
    service.silent("a")
    assert service.routed == "bc"
    off = service.replica("a")
    assert (off.phase, off.reason, off.startup_used) == (Phase.STARTING, Reason.SILENT, 0.0)
    assert off.job.finding == NO_ANSWER
    assert service.record.state is State.READY


def test_it_is_back_on_its_route_when_it_answers() -> None:
    service = Checked().silent("a").answers("b").silent("a", times=2).answers("a")
    assert service.routed == "abc"
    assert service.replica("a").reason is Reason.HEALTHY


@pytest.mark.parametrize("names", ["a", "abc"])
def test_a_login_that_is_cut_off_takes_no_replica_out(names: str) -> None:
    """Nor do the answers that were still under way when it came back."""
    service = Checked(names).answers(*names).silent(*names, times=100)
    assert service.routed == names
    service.answers(names[0]).silent(*names[1:])
    assert service.routed == names


def test_a_login_cut_off_while_one_replica_is_silent() -> None:
    """The comparison begins again: what it missed meanwhile says nothing."""
    service = Checked().silent("a").answers("b", "c").silent("b", "c").silent("a", times=9)
    assert service.routed == "abc"
    assert service.answers("b").silent("a").routed == "abc"
    assert service.silent("a").routed == "bc"


def test_an_answer_between_silent_checks_begins_the_count_again() -> None:
    service = Checked().silent("a").answers("b").silent("a").answers("a").silent("a", times=9)
    assert service.routed == "abc"  # since then no other replica has answered


def test_a_check_without_a_tunnel_says_nothing() -> None:
    service = Checked().without_tunnel("a", times=1).answers("b").without_tunnel("a", times=9)
    assert service.routed == "abc"
    assert service.replica("a").silence is None


def test_the_last_ready_replica_is_not_taken_out_by_comparison() -> None:
    service = Checked("ab").silent("a").answers("b").silent("a", times=2)
    assert service.routed == "b"
    assert service.silent("b", times=9).routed == "b"


def test_silence_and_refusals_count_apart() -> None:
    service = Checked().refuses("a").refuses("a").silent("a").refuses("a")
    assert service.replica("a").reason is Reason.UNHEALTHY


@pytest.mark.parametrize("names", ["a", "ab"])
def test_silence_of_all_counts_after_request_timeout(names: str) -> None:
    policy = replace(POLICY, drain_timeout=600.0)
    service = Checked(names, policy).silent(*names, times=59, watched=10.0)
    assert service.routed == names
    assert service.silent(*names, watched=10.0).routed == ""
    assert service.record.reason is Reason.SILENT


def test_a_short_request_timeout_makes_no_busy_service_ill() -> None:
    service = Checked("a", replace(POLICY, drain_timeout=1.0))
    assert service.silent("a", watched=SILENT_FOR - 1).routed == "a"
    assert service.silent("a", watched=1.0).routed == ""


def test_silence_off_the_route_uses_up_startup_timeout() -> None:
    service = Checked().silent("a").answers("b").silent("a", times=2)
    service.silent("a", watched=POLICY.startup_timeout)
    assert service.replica("a").startup_used == POLICY.startup_timeout
    assert service.replica("a").reason is Reason.SILENT


def test_a_silent_replica_is_checked_sooner_but_not_for_long() -> None:
    """And its login is asked more often: silence counts only while that answers."""
    well = Checked().replica("a")
    silent = Checked().silent("a").replica("a")
    long_silent = Checked().silent("a", times=3).replica("a")
    assert intervals.probe_interval(silent, NOW) < intervals.probe_interval(well, NOW)
    assert intervals.probe_interval(long_silent, NOW) == intervals.probe_interval(well, NOW)
    assert intervals.queue_interval(silent, NOW) < intervals.queue_interval(well, NOW)
