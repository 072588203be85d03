"""How often squeue is called for each login."""

from __future__ import annotations

import pytest

from service_management.controller.polling import Polling
from service_management.controller.public_view import Trouble
from service_management.lifecycle.intervals import IDLE_EVERY, TROUBLED_EVERY
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import State
from service_management.ssh.login import Login
from tests.unit.controller.samples import with_job, with_jobs
from tests.unit.records import only

START = 10_000.0
SILENT = Trouble("timeout", "did not answer")
READY_TWICE = (State.READY, State.READY)
MINUTE = 600  # passes of a tenth of a second


def replica(route: str, state: State, since: float, **keys: str) -> Replica:
    return only(with_job(route, state, since, **keys))


def calls(replicas: list[Replica], begin: float = START, passes: int = MINUTE) -> list[Login]:
    """Every squeue that one minute of passes would make."""
    polling = Polling()
    polling.due(replicas, begin - 0.1)
    return [
        login for number in range(passes) for login in polling.due(replicas, begin + number * 0.1)
    ]


def test_a_steady_service_costs_five_calls_a_minute() -> None:
    assert len(calls([replica("digits", State.READY, 0.0)])) == 5


def test_200_steady_services_cost_no_more_calls_than_one() -> None:
    many = [replica(f"s{n}", State.READY, 0.0) for n in range(200)]
    assert len(calls(many, passes=200)) == len(calls(many[:1], passes=200)) <= 2


def test_many_replicas_of_a_service_cost_no_more_calls_than_one() -> None:
    for state in (State.READY, State.STARTING):
        several = list(with_jobs("digits", START, state, state, state).replicas)
        assert len(calls(several, passes=200)) == len(calls(several[:1], passes=200))


def test_each_login_is_polled_for_its_own_jobs() -> None:
    here = replica("digits", State.READY, 0.0)
    there = replica("text", State.READY, 0.0, remote_host="other.example.org")
    assert len({login.id for login in Polling().due([here, there], START)}) == 2


@pytest.mark.parametrize("state", [State.QUEUED, State.STARTING])
def test_a_changing_job_is_polled_every_second(state: State) -> None:
    moving = [replica("digits", state, START)]
    assert len(calls(moving, passes=50)) == 5


def test_starts_of_many_services_cost_one_call_a_second() -> None:
    starting = [replica(f"s{n}", State.QUEUED, START + n / 100) for n in range(150)]
    assert len(calls(starting, passes=50)) == 5


def new(route: str) -> Replica:
    return replica(route, State.QUEUED, START).with_job(submitted_at=START)


def looks(*replicas: Replica, passes: int = 50) -> list[str]:
    """Every question about a single job in five seconds of passes."""
    polling = Polling()
    moments = [START + number * 0.1 for number in range(passes)]
    return [one.route for now in moments for one in polling.single(replicas, now)]


def test_a_new_job_is_asked_about_by_its_id_for_two_seconds() -> None:
    assert 6 <= len(looks(new("digits"))) <= 10


def test_many_new_jobs_of_a_login_are_left_to_squeue() -> None:
    assert set(looks(new("a"), new("b"))) == {"a", "b"}
    assert looks(new("a"), new("b"), new("c")) == []


def test_new_replicas_of_a_service_are_asked_about_by_their_ids() -> None:
    submitted = with_jobs("digits", START, State.QUEUED, State.QUEUED, State.QUEUED)
    first, second, third = (one.with_job(submitted_at=START) for one in submitted.replicas)
    assert len(looks(first, second)) == 2 * len(looks(first))
    assert looks(first, second, third) == []


@pytest.mark.parametrize(
    "other",
    [
        new("digits").with_job(job_id=""),
        new("digits").with_job(submitted_at=None),
        replica("digits", State.STARTING, START).with_job(submitted_at=START),
    ],
    ids=["no id", "adopted", "seen to run"],
)
def test_other_jobs_are_left_to_squeue(other: Replica) -> None:
    assert looks(other) == []


def test_a_job_without_an_id_is_looked_for_every_five_seconds() -> None:
    unanswered = replica("digits", State.QUEUED, START).with_job(job_id="")
    assert len(calls([unanswered])) == 12


def test_a_moving_job_makes_only_its_own_login_quick() -> None:
    moving = replica("digits", State.QUEUED, START)
    steady = replica("text", State.READY, 0.0, remote_host="other.example.org")
    asked = [login.host for login in calls([moving, steady], passes=50)]
    assert asked.count("other.example.org") <= 1
    assert len(asked) >= 5


def test_a_job_queued_for_hours_is_polled_every_five_seconds() -> None:
    assert len(calls([replica("digits", State.QUEUED, START - 7200)])) <= 12


def test_without_a_job_nothing_is_asked() -> None:
    assert calls([]) == []


def test_a_login_without_jobs_is_polled_now_and_then_for_orphans() -> None:
    login = Login("jo", "login.example.org", 22, "/keys/id")
    polling = Polling()
    polling.configure([login])
    assert polling.due([], START) == [login]
    assert polling.due([], START + TROUBLED_EVERY - 1) == []
    assert polling.due([], START + TROUBLED_EVERY) == [login]  # it did not answer
    polling.answered(login.id)
    polling.configure([login])
    assert polling.due([], START + TROUBLED_EVERY + IDLE_EVERY - 1) == []
    assert polling.due([], START + TROUBLED_EVERY + IDLE_EVERY) == [login]


def test_a_login_in_trouble_is_asked_again_sooner() -> None:
    login = Login("jo", "login.example.org", 22, "/keys/id")
    polling = Polling()
    polling.configure([login])
    polling.due([], START)
    polling.answered(login.id)
    polling.trouble[login.id] = SILENT
    assert polling.due([], START + TROUBLED_EVERY) == [login]


def test_a_job_is_polled_with_the_login_that_submitted_it() -> None:
    old = replica("digits", State.READY, 0.0, ssh_username="before")
    [login] = Polling().due([old], START)
    assert login.username == "before"


def test_trouble_is_listed_by_route() -> None:
    polling, one = Polling(), replica("digits", State.READY, 0.0)
    [login] = polling.due([one], START)
    polling.trouble[login.id] = SILENT
    assert polling.troubles({}, [one]) == {"digits": SILENT}
    polling.trouble[login.id] = None
    assert polling.troubles({}, [one]) == {}


def test_facts_about_jobs_that_are_gone_are_forgotten() -> None:
    polling, one = Polling(), replica("digits", State.READY, 0.0)
    polling.learned = {one.job.name: 1.0, "io.digits.s0.gone": 2.0}
    polling.due([one], START)
    assert polling.learned == {one.job.name: 1.0}
    polling.due([], START + 1)
    assert polling.learned == {}


def test_facts_about_the_other_replicas_are_kept() -> None:
    polling, (gone, left) = Polling(), with_jobs("digits", 0.0, *READY_TWICE).replicas
    polling.learned = {gone.job.name: 1.0, left.job.name: 2.0}
    polling.due([left], START)
    assert polling.learned == {left.job.name: 2.0}


def test_the_connections_of_all_replicas_are_needed() -> None:
    """Each job is watched with the login that it was submitted with."""
    _, old = with_jobs("digits", 0.0, *READY_TWICE, ssh_username="before").replicas
    assert len(Polling().needed([replica("digits", State.READY, 0.0).job, old.job])) == 2


def test_the_login_of_an_abandoned_job_is_asked_each_minute() -> None:
    """No service is configured with it any more."""
    job, polling = replica("digits", State.DRAINING, START).job, Polling()
    [login] = polling.due([], START, [job])
    polling.answered(login.id)
    assert polling.due([], START + TROUBLED_EVERY - 1, [job]) == []
    assert polling.due([], START + TROUBLED_EVERY, [job, job]) == [login]
    assert polling.due([], START + 9 * TROUBLED_EVERY) == []


def test_a_configured_login_with_one_is_asked_as_often() -> None:
    job, polling = replica("digits", State.DRAINING, START).job, Polling()
    polling.configure(polling.due([], START, [job]))
    polling.answered(next(iter(polling.due([], START + TROUBLED_EVERY))).id)
    assert polling.due([], START + 2 * TROUBLED_EVERY) == []
    assert len(polling.due([], START + 2 * TROUBLED_EVERY, [job])) == 1
