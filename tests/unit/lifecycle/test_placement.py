"""Replicas with one fixed port: a node for each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service_management.lifecycle import events as ev
from service_management.lifecycle.activity import Seen
from service_management.lifecycle.decision import Context
from service_management.lifecycle.findings import Finding, Saw
from service_management.lifecycle.job_views import JobEnd
from service_management.lifecycle.planner import planned
from service_management.lifecycle.policy import Policy
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job
from service_management.lifecycle.states import Phase, Reason
from service_management.lifecycle.transitions import decide
from tests.unit.records import changed, only

from .samples import FRESH, NOW, POLICY, READY, STARTING

TWO = replace(POLICY, min_replicas=2, max_replicas=2)
HELD = Finding(Saw.PORT_HELD, "/health", holder="digits", by_replica=True)
NEIGHBOUR = "io.digits.s1.n2"


def planned_job(record: ServiceRecord, policy: Policy = TWO, port: int = FRESH.port) -> Job:
    """Of the replica that is started."""
    known = {one.slot for one in record.replicas}
    fresh = replace(FRESH, port=port)
    after = planned(record, Seen(), Context(NOW, policy), lambda _slot: fresh)
    (job,) = (one.job for one in after.replicas if one.slot not in known)
    return job


def with_neighbour(node: str = "n1", apart_from: tuple[str, ...] = ()) -> ServiceRecord:
    """Slot 0 is ready on n1, slot 1 starts."""
    other = replace(only(STARTING), slot=1)
    job = replace(other.job, name=NEIGHBOUR, job_id="8", node=node, apart_from=apart_from)
    return READY.with_replica(replace(other, job=job))


def after_check(record: ServiceRecord, finding: Finding = HELD) -> ServiceRecord:
    probed = ev.Probed(NEIGHBOUR, ev.Health.UNHEALTHY, 1.0, finding)
    kept = decide(record, probed, Context(NOW, TWO))
    assert kept is not None
    return kept


def test_a_further_replica_avoids_the_nodes_of_the_others() -> None:
    job = planned_job(READY)
    assert job.apart_from == ("n1",)
    assert job.placement() == "not on n1, where another replica has its port"
    third = planned_job(with_neighbour("n2"), replace(TWO, min_replicas=3, max_replicas=3))
    assert third.placement() == "not on n1 or n2, where other replicas have its port"


@pytest.mark.parametrize(
    ("record", "policy", "port"),
    [
        (READY, replace(TWO, own_ports=True), FRESH.port),
        (READY, TWO, 9999),
        (changed(READY, phase=Phase.QUEUED, job=replace(only(READY).job, node="")), TWO, 8080),
        (changed(READY, retiring=Reason.EXPIRING), replace(TWO, max_replicas=1), FRESH.port),
    ],
    ids=["own ports", "another port", "its node is not known", "it is replaced"],
)
def test_nothing_is_avoided_where_no_port_is(record, policy: Policy, port: int) -> None:
    policy = replace(policy, min_replicas=2 if policy.max_replicas > 1 else 1)
    assert planned_job(record, policy, port).apart_from == ()


def test_the_later_of_two_on_one_node_makes_way() -> None:
    """It is no failed attempt, and the next avoids the node."""
    kept = after_check(with_neighbour())
    later = kept.replicas[1]
    assert (later.phase, later.reason) == (Phase.DRAINING, Reason.PORT_TAKEN)
    assert (kept.failures, kept.demand) == (0, True)
    assert planned_job(kept.without(later)).apart_from == ("n1",)


def test_the_one_that_cannot_listen_and_ends_has_not_failed() -> None:
    both = with_neighbour()
    over = ev.JobOver(JobEnd("8", "FAILED", exit_code=1, node="n1"))
    kept = decide(both, over, Context(NOW, TWO))
    assert kept is not None
    assert (kept.failures, kept.last_failure, len(kept.replicas)) == (0, None, 1)
    for alone in (with_neighbour(apart_from=("n1",)), with_neighbour().without(both.replicas[0])):
        failed = decide(alone, over, Context(NOW, TWO))
        assert failed is not None
        assert failed.failures == 1


def test_the_one_that_stays_may_be_the_one_without_the_port() -> None:
    """The other, which had the port, is gone by the time that it ends."""
    both = with_neighbour()
    starting = replace(both.replicas[0], phase=Phase.STARTING, ready_since=None)
    kept = after_check(both.with_replica(starting))
    kept = kept.without(kept.replicas[1])
    over = ev.JobOver(JobEnd("7", "FAILED", exit_code=1, node="n1"))
    ended = decide(kept, over, Context(NOW, TWO))
    assert ended is not None
    assert (ended.failures, ended.replicas, ended.demand) == (0, (), True)


def test_a_replica_that_cannot_be_elsewhere_waits() -> None:
    """Or one job would follow another for ever."""
    told = after_check(with_neighbour(apart_from=("n1",)))
    assert told.replicas[1].phase is Phase.STARTING
    leaves = with_neighbour()
    leaves = leaves.with_replica(leaves.replicas[0].drained(Reason.EXPIRING, NOW))
    assert after_check(leaves).replicas[1].phase is Phase.STARTING
    strangers = replace(HELD, holder="other", by_replica=False)
    assert after_check(with_neighbour(), strangers).replicas[1].phase is Phase.STARTING
