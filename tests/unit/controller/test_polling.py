"""How often squeue is called for each login."""

from __future__ import annotations

import pytest

from service_management.controller.polling import Polling
from service_management.controller.public_view import Trouble
from service_management.lifecycle.intervals import IDLE_EVERY, TROUBLED_EVERY
from service_management.lifecycle.record import Record
from service_management.lifecycle.states import State
from service_management.ssh.login import Login

from .samples import with_job

START = 10_000.0
SILENT = Trouble("timeout", "did not answer")
MINUTE = 600  # passes of a tenth of a second


def calls(records: list[Record], begin: float = START, passes: int = MINUTE) -> list[Login]:
    """Every squeue that one minute of passes would make."""
    polling = Polling()
    polling.due(records, begin - 0.1)
    return [
        login for number in range(passes) for login in polling.due(records, begin + number * 0.1)
    ]


def test_a_steady_service_costs_five_calls_a_minute() -> None:
    assert len(calls([with_job("digits", State.READY, 0.0)])) == 5


def test_200_steady_services_cost_no_more_calls_than_one() -> None:
    many = [with_job(f"s{n}", State.READY, 0.0) for n in range(200)]
    assert len(calls(many, passes=200)) == len(calls(many[:1], passes=200)) <= 2


def test_each_login_is_polled_for_its_own_jobs() -> None:
    here = with_job("digits", State.READY, 0.0)
    there = with_job("text", State.READY, 0.0, remote_host="other.example.org")
    assert len({login.id for login in Polling().due([here, there], START)}) == 2


@pytest.mark.parametrize("state", [State.QUEUED, State.STARTING])
def test_a_changing_job_is_polled_every_second(state: State) -> None:
    moving = [with_job("digits", state, START)]
    assert len(calls(moving, passes=50)) == 5


def test_starts_of_many_services_cost_one_call_a_second() -> None:
    starting = [with_job(f"s{n}", State.QUEUED, START + n / 100) for n in range(150)]
    assert len(calls(starting, passes=50)) == 5


def new(route: str) -> Record:
    return with_job(route, State.QUEUED, START).with_job(submitted_at=START)


def looks(*records: Record, passes: int = 50) -> list[str]:
    """Every question about a single job in five seconds of passes."""
    polling = Polling()
    moments = [START + number * 0.1 for number in range(passes)]
    return [route for now in moments for route, _job in polling.single(records, now)]


def test_a_new_job_is_asked_about_by_its_id_for_two_seconds() -> None:
    assert 6 <= len(looks(new("digits"))) <= 10


def test_many_new_jobs_of_a_login_are_left_to_squeue() -> None:
    assert set(looks(new("a"), new("b"))) == {"a", "b"}
    assert looks(new("a"), new("b"), new("c")) == []


@pytest.mark.parametrize(
    "record",
    [
        new("digits").with_job(job_id=""),
        new("digits").with_job(submitted_at=None),
        with_job("digits", State.STARTING, START).with_job(submitted_at=START),
    ],
    ids=["no id", "adopted", "seen to run"],
)
def test_other_jobs_are_left_to_squeue(record: Record) -> None:
    assert looks(record) == []


def test_a_job_without_an_id_is_looked_for_every_five_seconds() -> None:
    unanswered = with_job("digits", State.QUEUED, START).with_job(job_id="")
    assert len(calls([unanswered])) == 12


def test_a_moving_job_makes_only_its_own_login_quick() -> None:
    moving = with_job("digits", State.QUEUED, START)
    steady = with_job("text", State.READY, 0.0, remote_host="other.example.org")
    asked = [login.host for login in calls([moving, steady], passes=50)]
    assert asked.count("other.example.org") <= 1
    assert len(asked) >= 5


def test_a_job_queued_for_hours_is_polled_every_five_seconds() -> None:
    assert len(calls([with_job("digits", State.QUEUED, START - 7200)])) <= 12


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
    old = with_job("digits", State.READY, 0.0, ssh_username="before")
    [login] = Polling().due([old], START)
    assert login.username == "before"


def test_trouble_is_listed_by_route() -> None:
    polling, record = Polling(), with_job("digits", State.READY, 0.0)
    [login] = polling.due([record], START)
    polling.trouble[login.id] = SILENT
    assert polling.troubles({}, [record]) == {"digits": SILENT}
    polling.trouble[login.id] = None
    assert polling.troubles({}, [record]) == {}


def test_facts_about_jobs_that_are_gone_are_forgotten() -> None:
    polling, record = Polling(), with_job("digits", State.READY, 0.0)
    polling.learned = {record.job.name: 1.0, "io.digits.0.8080.gone": 2.0}
    polling.due([record], START)
    assert polling.learned == {record.job.name: 1.0}
    polling.due([], START + 1)
    assert polling.learned == {}
