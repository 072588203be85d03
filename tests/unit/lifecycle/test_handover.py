"""From one replica to its successor: restarts, edits, the end of the walltime."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.handover import LAST_REQUESTS, PATIENCE, UNKNOWN_START
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.lifecycle.planner import planned
from service_management.lifecycle.record import ServiceRecord, StartTimes
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase, Reason, State
from service_management.lifecycle.transitions import decide
from tests.unit.records import changed, with_job

from .samples import NOW, OLD, POLICY, READY, STARTING

OVERLAP = replace(POLICY, own_ports=True)
THREE = replace(OVERLAP, min_replicas=3, max_replicas=3)
RESTART = ev.RestartAsked()
EDIT = ev.Changed(frozenset({OLD}))


class Service:
    """A service through several passes."""

    def __init__(self, record: ServiceRecord = READY, policy=OVERLAP) -> None:
        self.record: ServiceRecord = record
        self.policy, self.now, self.jobs = policy, NOW, 0
        self.longest_request: float | None = None

    def happen(self, event: ev.Event) -> Service:
        kept = decide(self.record, event, self._context())
        assert kept is not None
        self.record = kept
        return self._plan(None)

    def look(self, after: float = 1.0, **inflight: int) -> Service:
        self.now += after
        counts = {one.slot: inflight.get(f"s{one.slot}", 0) for one in self.record.replicas}
        return self._plan(Seen(counts, held=0))

    def asked(self) -> Service:
        """Somebody uses the service, so that it is not idle."""
        return self.happen(ev.Demanded())

    def queued(self) -> list[Replica]:
        return [one for one in self.record.replicas if one.phase is Phase.QUEUED]

    def becomes_ready(self, replica: Replica) -> Service:
        number = replica.job.name[1:]
        view = JobView(number, replica.job.name, "RUNNING", JobPhase.RUNNING, node="n2")
        self.happen(ev.JobSeen(view))
        return self.happen(ev.Probed(replica.job.name, ev.Health.HEALTHY))

    def phases(self) -> dict[int, str]:
        return {one.slot: str(one.phase) for one in self.record.replicas}

    def _plan(self, seen: Seen | None) -> Service:
        self.record = planned(self.record, seen, self._context(), self._fresh)
        return self

    def _context(self) -> Context:
        return Context(self.now, self.policy, self.now, longest_request=self.longest_request)

    def _fresh(self, _slot: int) -> Job:
        self.jobs += 1
        return Job(f"j{self.jobs}", 1, self.now)


@pytest.mark.parametrize("event", [RESTART, EDIT], ids=["restart", "edit"])
def test_the_old_job_serves_until_its_successor_is_ready(event: ev.Event) -> None:
    service = Service().happen(event)
    assert service.phases() == {0: "ready", 1: "queued"}
    assert service.record.state is State.READY
    (successor,) = service.queued()
    service.asked().becomes_ready(successor)
    assert service.phases() == {0: "draining", 1: "ready"}
    assert [one.slot for one in service.record.ready] == [1]


def test_a_job_that_does_not_serve_yet_ends_at_once() -> None:
    service = Service(STARTING).happen(RESTART)
    assert service.phases() == {0: "draining"}
    assert service.record.demand


def test_with_one_port_for_all_the_old_job_ends_first() -> None:
    service = Service(policy=POLICY).happen(RESTART)
    assert service.phases() == {0: "draining"}


def test_a_successor_that_fails_leaves_the_old_job_serving() -> None:
    """A broken edit takes no service down."""
    service = Service().happen(EDIT)
    (successor,) = service.queued()
    service.happen(ev.SubmitFailed(successor.job.name, Reason.SUBMIT_REJECTED, "no"))
    assert service.phases() == {0: "ready"}
    assert service.record.failures == 1
    service.asked().look(after=1.0)
    assert service.phases() == {0: "ready"}  # the back-off
    service.asked().look(after=2.0)
    assert service.phases() == {0: "ready", 1: "queued"}


def test_an_old_job_gives_way_to_a_successor_that_stays_queued() -> None:
    """The cluster may have no room for two."""
    service = Service().happen(RESTART)
    for _ in range(int(PATIENCE)):
        assert service.phases() == {0: "ready", 1: "queued"}
        service.asked().look()
    assert service.phases() == {0: "draining", 1: "queued"}


def test_of_several_old_jobs_one_gives_way_at_a_time() -> None:
    three = [replace(READY.replicas[0], slot=n, job=Job(f"o{n}", 1, NOW)) for n in range(3)]
    service = Service(changed(READY, replicas=tuple(three)), THREE).happen(RESTART)
    for _ in range(int(PATIENCE) + 5):
        service.look()
    assert [one.live for one in service.record.replicas] == [False, True, True, True]


def test_several_replicas_are_replaced_one_after_the_other() -> None:
    three = [replace(READY.replicas[0], slot=n, job=Job(f"o{n}", 1, NOW)) for n in range(3)]
    service = Service(changed(READY, replicas=tuple(three)), THREE).happen(RESTART)
    for turn in range(3):
        (successor,) = service.queued()
        assert len(service.record.ready) == 3
        service.becomes_ready(successor)
        old = [one for one in service.record.replicas if not one.live]
        assert len(old) == 1, turn
        assert len(service.record.replicas) == 4
        service.look()
        assert [one.cancelled for one in service.record.replicas if not one.live] == [True]
        service.happen(ev.SubmitFailed(old[0].job.name, Reason.STOPPED, ""))
    assert len(service.record.ready) == 3
    assert not any(one.retiring for one in service.record.replicas)


def ending(seconds: float, **more: object) -> ServiceRecord:
    """A service whose job has so many seconds left of a day."""
    at = NOW + seconds
    return with_job(changed(READY, **more), end_time=at, estimated_start=at - 86_400)


def test_a_successor_is_started_before_the_walltime_ends() -> None:
    lead = UNKNOWN_START + LAST_REQUESTS
    assert Service(ending(lead + 2)).asked().look().phases() == {0: "ready"}
    assert Service(ending(lead)).asked().look().phases() == {0: "ready", 1: "queued"}


def test_the_lead_follows_what_starts_usually_take() -> None:
    slow = (StartTimes(queue=600.0, load=300.0),)
    assert Service(ending(1200, starts=slow)).asked().look().queued()
    assert not Service(ending(1200)).asked().look().queued()


def seen(end_time: float, *, draining: bool | None = None) -> ev.JobSeen:
    """Its job, as squeue shows it."""
    view = JobView("7", OLD, "RUNNING", JobPhase.RUNNING, "", "n1", NOW - 60, end_time, draining)
    return ev.JobSeen(view)


@pytest.mark.parametrize(("left", "phase"), [(40, "ready"), (29, "draining")])
def test_a_preempted_job_is_replaced_in_its_grace_time(left: float, phase: str) -> None:
    """squeue shows an earlier end."""
    service = Service().happen(seen(NOW + 1800)).asked().look()
    assert service.phases() == {0: "ready"}
    service.happen(seen(service.now + left))
    assert service.phases() == {0: phase, 1: "queued"}
    old = service.record.replicas[0]
    assert Reason.ENDING_EARLY in (old.retiring, old.reason)


@pytest.mark.parametrize("policy", [OVERLAP, POLICY], ids=["own ports", "one port"])
def test_a_job_on_a_draining_node_serves_until_it_is_replaced(policy) -> None:
    """However long that takes: no other job would get its place."""
    service = Service(policy=policy).happen(seen(NOW + 86_400, draining=True))
    for _ in range(int(PATIENCE) + 5):
        service.asked().look().happen(seen(NOW + 86_400))
    assert service.phases() == {0: "ready", 1: "queued"}
    assert service.record.replicas[0].retiring is Reason.NODE_DRAINING
    (successor,) = service.queued()
    assert service.becomes_ready(successor).phases() == {0: "draining", 1: "ready"}


def test_a_node_that_is_resumed_keeps_its_replica() -> None:
    service = Service().happen(seen(NOW + 86_400, draining=True))
    assert service.queued()
    service.happen(seen(NOW + 86_400, draining=False))
    assert service.phases() == {0: "ready", 1: "draining"}
    assert not service.record.replicas[0].retiring


def test_an_unused_service_gets_no_successor() -> None:
    unused = ending(30, last_activity=NOW - POLICY.timeout)
    assert Service(unused).look().phases() == {0: "draining"}


@pytest.mark.parametrize("policy", [OVERLAP, POLICY], ids=["own ports", "one port"])
def test_a_job_about_to_end_gets_no_new_requests(policy) -> None:
    service = Service(ending(LAST_REQUESTS - 1), policy).asked().look()
    assert service.phases()[0] == "draining"
    assert service.record.demand
    assert service.record.replicas[0].reason is Reason.EXPIRING


@pytest.mark.parametrize(
    ("longest", "walltime", "seconds"),
    [
        (None, 86_400, 30),
        (None, 80, 10),
        (0.1, 86_400, 5),
        (300, 86_400, 300),
        (300, 400, 100),
        (float("inf"), 86_400, 21_600),
    ],
)
def test_new_requests_end_as_early_as_the_longest_one_needs(longest, walltime, seconds) -> None:
    """At most a quarter of the walltime; where nothing is known, an eighth."""
    for left, phase in ((seconds + 2, "ready"), (seconds, "draining")):
        record = with_job(READY, end_time=NOW + left, estimated_start=NOW + left - walltime)
        service = Service(record)
        service.longest_request = longest
        assert service.asked().look().phases()[0] == phase


def test_a_short_walltime_is_not_all_handover() -> None:
    short = with_job(READY, end_time=NOW + 50, estimated_start=NOW - 10)
    assert Service(short).asked().look().phases() == {0: "ready"}
    assert Service(short).asked().look(after=25).queued()


def test_a_strangers_port_costs_no_attempt() -> None:
    stranger = ev.Probed(OLD, ev.Health.UNVERIFIED, 1.0, Finding(Saw.STRANGER, "/"))
    service = Service(STARTING).happen(stranger)
    assert service.record.replicas[0].reason is Reason.PORT_TAKEN
    assert service.record.failures == 0
