"""Lines of squeue and sacct, as real ones print them."""

from __future__ import annotations

import pytest

from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.slurm.outcomes import Unknown
from service_management.slurm.squeue import (
    first_node,
    parse_find,
    parse_line,
    parse_queue,
    parse_time,
)
from service_management.ssh.connection import Result

PENDING = "3|PENDING|n/a|2026-11-21T06:41:42|2026-11-21T07:41:42|Resources|p.c.0.8000.n3"
RUNNING = "2|RUNNING|demo1|2026-11-21T05:41:42|2026-11-21T06:41:42|None|p.b.0.8000.n2"
NO_ESTIMATE = "4|PENDING|n/a|N/A|N/A|Priority|p.d.0.8000.n4"
ARRAY = "7_[1-3]|PENDING||N/A|N/A|(null)|array"
HET = "9+0|RUNNING|gpu[07-09]|2026-11-21T05:41:42|N/A|None|het"
CLAUSE = (
    "5|PENDING|n/a|N/A|N/A|Nodes required for job are DOWN, DRAINED or reserved for jobs in "
    "higher priority partitions|p.e.0.1.x"
)
SACCT = "2|CANCELLED by 1000|gpu1|2026-11-21T05:41:42|2026-11-21T05:42:00|None|p.b.0.8000.n2"


def test_a_running_job() -> None:
    assert parse_line(RUNNING) == JobView(
        job_id="2",
        name="p.b.0.8000.n2",
        state="RUNNING",
        phase=JobPhase.RUNNING,
        reason="",
        node="demo1",
        estimated_start=1795239702.0,
        end_time=1795243302.0,
    )


@pytest.mark.parametrize(
    ("lines", "draining"),
    [
        (["drained|demo1", "drained|demo9", "drained|"], True),
        (["drained|demo9", "drained|"], False),
        (["drained|"], False),
        ([], None),
    ],
    ids=["its node", "another node", "none", "sinfo did not answer"],
)
def test_a_node_that_is_drained_is_noted(lines: list[str], draining: bool | None) -> None:
    jobs = parse_queue(Result(0, "\n".join([RUNNING, *lines, ""]), ""))
    assert isinstance(jobs, list)
    assert [job.draining for job in jobs] == [draining]


def test_a_job_that_waits_is_on_no_drained_node() -> None:
    jobs = parse_queue(Result(0, "\n".join([PENDING, "drained|demo9", "drained|", ""]), ""))
    assert isinstance(jobs, list)
    assert [job.draining for job in jobs] == [False]


def test_a_pending_job_has_no_node_and_its_reason() -> None:
    view = parse_line(PENDING)
    assert view is not None
    assert (view.node, view.reason, view.phase) == ("", "Resources", JobPhase.WAITING)
    assert view.estimated_start == 1795243302.0


@pytest.mark.parametrize("line", [NO_ESTIMATE, CLAUSE, ARRAY])
def test_an_unknown_value_of_slurm_becomes_none(line: str) -> None:
    view = parse_line(line)
    assert view is not None
    assert (view.estimated_start, view.end_time, view.node) == (None, None, "")


def test_a_name_with_columns_in_it_is_still_one_name() -> None:
    view = parse_line(RUNNING + "|1|COMPLETED")
    assert view is not None
    assert view.name == "p.b.0.8000.n2|1|COMPLETED"


@pytest.mark.parametrize("line", ["", "slurm_load_jobs error", "1|2|3", "|||||||"])
def test_a_line_without_a_job_becomes_none(line: str) -> None:
    assert parse_line(line) is None


def test_a_whole_queue() -> None:
    jobs = parse_queue(Result(0, "\n".join([PENDING, RUNNING, ARRAY, HET, ""]), ""))
    assert not isinstance(jobs, Unknown)
    assert [job.job_id for job in jobs] == ["3", "2", "7_[1-3]", "9+0"]
    assert jobs[-1].node == "gpu07"


def test_an_empty_queue_is_an_answer() -> None:
    assert parse_queue(Result(0, "", "")) == []


@pytest.mark.parametrize(
    "result",
    [
        Result(1, "", "slurm_load_jobs error: Unable to contact slurm controller"),
        Result(1, "", "slurm_load_jobs error: Socket timed out on send/recv operation"),
        Result(124, RUNNING, ""),
        Result(127, "", "sh: 3: squeue: not found"),
        Result(0, "", "squeue: error: Unable to contact slurm controller (connect failure)"),
    ],
)
def test_no_reliable_answer_is_unknown(result: Result) -> None:
    assert isinstance(parse_queue(result), Unknown)
    assert isinstance(parse_find(result, ["x"]), Unknown)


def test_find_prefers_the_job_that_is_alive_then_the_newest() -> None:
    name = "p.b.0.8000.n2"
    old = SACCT.replace("2|", "1|", 1)
    both = parse_find(Result(0, f"{RUNNING}\n{old}\n{SACCT}\n", ""), [name])
    assert not isinstance(both, Unknown)
    assert (alive := both[name]) is not None
    assert alive.phase is JobPhase.RUNNING
    over = parse_find(Result(0, f"{SACCT}\n{old}\n", ""), [name])
    assert not isinstance(over, Unknown)
    assert (newest := over[name]) is not None
    assert (newest.job_id, newest.state) == ("2", "CANCELLED")


def test_find_answers_for_every_name_and_for_exactly_that_name() -> None:
    names = ["p.b.0.8000.n", "p.c.0.8000.n3"]
    found = parse_find(Result(0, f"{RUNNING}\n{PENDING}\n", ""), names)
    assert not isinstance(found, Unknown)
    assert [view and view.job_id for view in found.values()] == [None, "3"]


def test_texts_of_slurm_are_cut_and_stripped_of_control_codes() -> None:
    hostile = PENDING.replace("Resources", "\x1b[31mNo\u202edes " + "x" * 5000)
    view = parse_line(hostile)
    assert view is not None
    assert view.reason.startswith("Nodes xxx")
    assert len(view.reason) == 200


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("", ""),
        ("gpu1", "gpu1"),
        ("gpu1,gpu2", "gpu1"),
        ("gpu[07-09,12]", "gpu07"),
        ("gpu[3,5]", "gpu3"),
        ("login,gpu[1-2]", "login"),
        ("rack[1-2]-node", "rack1-node"),
    ],
)
def test_the_first_of_several_nodes(nodes: str, first: str) -> None:
    assert first_node(nodes) == first


@pytest.mark.parametrize("text", ["N/A", "Unknown", "None", "", "12:30", "Tomorr 10:00"])
def test_a_time_in_another_format_becomes_none(text: str) -> None:
    assert parse_time(text) is None
