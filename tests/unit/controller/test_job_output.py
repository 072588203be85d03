"""Following a job's output: nothing twice, nothing lost, and on to the next job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service_management.controller.job_output import JobOutputs
from service_management.controller.workers import Workers
from service_management.lifecycle.states import State
from service_management.ssh.call_counts import CallCounts
from tests.unit.controller.fake_slurm import FakeSlurm, UnusedBackend
from tests.unit.controller.samples import with_job, with_jobs
from tests.unit.records import a_record, only

QUEUED = with_job("digits", State.QUEUED, 0.0)
NEXT = QUEUED.with_replica(only(QUEUED).with_job(job_id="8"))
GONE = a_record("digits", State.COLD)
SUBMITTING = QUEUED.with_replica(only(QUEUED).with_job(job_id=""))


@pytest.fixture
def slurm() -> FakeSlurm:
    return FakeSlurm(written={"7": "one\n", "8": "eight\n"})


@pytest.fixture
def outputs(slurm: FakeSlurm) -> Iterator[JobOutputs]:
    workers = Workers(UnusedBackend(), CallCounts(), lambda _connection, _counts: slurm)
    yield JobOutputs(workers)
    workers.close()


def test_only_what_is_new_is_sent(outputs: JobOutputs, slurm: FakeSlurm) -> None:
    first = outputs.after(QUEUED, "")
    assert (first.text, first.position) == ("one\n", "7:4")
    assert outputs.after(QUEUED, first.position).text == ""
    slurm.written["7"] += "two\n"
    assert outputs.after(QUEUED, first.position).text == "two\n"


def test_the_rest_of_an_ended_job_comes_before_the_next_job(
    outputs: JobOutputs, slurm: FakeSlurm
) -> None:
    position = outputs.after(QUEUED, "").position
    slurm.written["7"] += "last words\n"
    rest = outputs.after(NEXT, position)
    assert (rest.text, rest.position) == ("last words\n", "7:15")
    other = outputs.after(NEXT, rest.position)
    assert (other.text, other.position) == ("eight\n", "8:6")


def test_of_several_replicas_the_most_advanced_is_read(outputs: JobOutputs) -> None:
    several = with_jobs("digits", 0.0, State.STARTING, State.READY)
    assert outputs.after(several, "").text == "eight\n"


def test_without_a_job_there_is_no_position(outputs: JobOutputs) -> None:
    position = outputs.after(QUEUED, "").position
    for record in (GONE, SUBMITTING):
        assert outputs.after(record, position).position == ""


@pytest.mark.parametrize("position", ["", "x", "7", "7:", "7:-1", "7:1,2,3", "../etc:1", "9:4"])
def test_a_position_of_another_job_or_none_begins_at_zero(
    outputs: JobOutputs, position: str
) -> None:
    assert outputs.after(QUEUED, position).text == "one\n"
