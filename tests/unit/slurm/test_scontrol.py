"""What scontrol (22.05) and sacct say of one job."""

from __future__ import annotations

import pytest

from service_management.lifecycle.job_views import JobEnd, JobPhase
from service_management.slurm.outcomes import StillThere, Unknown
from service_management.slurm.scontrol import (
    parse_output_files,
    parse_post_mortem,
    parse_submitted_port,
    scontrol_fields,
)
from service_management.ssh.connection import Result

MARK = "c0ffee"
FAILED = """\
JobId=1 JobName=p.a.0.8000.n1
   UserId=iodemo(999) GroupId=nogroup(65534) MCS_label=N/A
   Priority=4294901759 Nice=0 Account=(null) QOS=(null)
   JobState=FAILED Reason=NonZeroExitCode Dependency=(null)
   Requeue=1 Restarts=0 BatchFlag=1 Reboot=0 ExitCode=3:0
   RunTime=00:00:00 TimeLimit=01:00:00 TimeMin=N/A
   SubmitTime=2026-11-21T05:41:42 EligibleTime=2026-11-21T05:41:42
   StartTime=2026-11-21T05:41:42 EndTime=2026-11-21T05:41:42 Deadline=N/A
   ReqNodeList=(null) ExcNodeList=(null)
   NodeList=demo1
   BatchHost=demo1
   NumNodes=1 NumCPUs=1 NumTasks=1 CPUs/Task=1 ReqB:S:C:T=0:0:*:*
   Command=/home/a/crash.sh JobState=RUNNING 8000
   WorkDir=/home/a
   StdErr=/home/a/slurm-1.out
   StdIn=/dev/null
   StdOut=/home/a/slurm-1.out
   Power=

"""
RUNNING = FAILED.replace("JobState=FAILED Reason=NonZeroExitCode", "JobState=RUNNING Reason=None")
FORGOTTEN = "slurm_load_jobs error: Invalid job id specified\n"
SILENT = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"
DISABLED = f"{MARK} sacct 1\nSlurm accounting storage is disabled\n"


def scontrol(code: int, text: str, rest: str = "") -> Result:
    return Result(0, f"{MARK} scontrol {code}\n{text}{rest}", "")


def test_how_a_job_failed_and_where_its_output_is() -> None:
    assert parse_post_mortem(scontrol(0, FAILED), "1", MARK) == JobEnd(
        job_id="1",
        state="FAILED",
        exit_code=3,
        signal=None,
        reason="NonZeroExitCode",
        node="demo1",
        output_file="/home/a/slurm-1.out",
    )


def test_the_first_of_two_equal_keys_counts() -> None:
    assert scontrol_fields(FAILED)["JobState"] == "FAILED"
    assert scontrol_fields(FAILED)["CPUs/Task"] == "1"


def test_stderr_in_a_separate_file_is_known() -> None:
    text = FAILED.replace("StdErr=/home/a/slurm-1.out", "StdErr=/home/a/err")
    end = parse_post_mortem(scontrol(0, text), "1", MARK)
    assert isinstance(end, JobEnd)
    assert (end.output_file, end.error_file) == ("/home/a/slurm-1.out", "/home/a/err")
    assert parse_output_files(scontrol(0, text), MARK) == ("/home/a/slurm-1.out", "/home/a/err")


@pytest.mark.parametrize(
    ("state", "phase"),
    [("RUNNING", JobPhase.RUNNING), ("COMPLETING", JobPhase.ENDING), ("PENDING", JobPhase.WAITING)],
)
def test_a_job_that_is_not_over_is_still_there(state: str, phase: JobPhase) -> None:
    answer = parse_post_mortem(scontrol(0, RUNNING.replace("RUNNING", state, 1)), "1", MARK)
    assert isinstance(answer, StillThere)
    assert (answer.view.phase, answer.view.node, answer.view.name) == (
        phase,
        "demo1",
        "p.a.0.8000.n1",
    )


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("/home/a/crash.sh JobState=RUNNING 8000", 8000),
        ("/home/a/two words 1.sh 8123", 8123),
        ("(null)", None),
        ("/home/a/run.sh", None),
    ],
)
def test_the_port_is_the_last_word_of_the_command(line: str, port: int | None) -> None:
    text = RUNNING.replace("/home/a/crash.sh JobState=RUNNING 8000", line)
    assert parse_submitted_port(scontrol(0, text), MARK) == port


def test_a_job_that_slurm_does_not_show_has_an_unknown_port() -> None:
    assert isinstance(parse_submitted_port(scontrol(1, FORGOTTEN), MARK), Unknown)
    assert isinstance(parse_submitted_port(scontrol(1, SILENT), MARK), Unknown)


@pytest.mark.parametrize("rest", ["", DISABLED, f"{MARK} sacct 0\n\n"])
def test_a_forgotten_job_has_ended_with_an_unknown_state(rest: str) -> None:
    assert parse_post_mortem(scontrol(1, FORGOTTEN, rest), "1", MARK) == JobEnd("1", "UNKNOWN")


@pytest.mark.parametrize(
    ("line", "state", "code", "signal"),
    [
        ("CANCELLED by 1000|0:15|gpu[1-2]|None|/home/a|p.a.0.1.n", "CANCELLED", 0, 15),
        ("OUT_OF_MEMORY|0:125|gpu1|OutOfMemory|/home/a|n|with|bars", "OUT_OF_MEMORY", 0, 125),
        ("TIMEOUT|0:0|gpu1|TimeLimit|/home/a|n", "TIMEOUT", 0, None),
    ],
)
def test_sacct_knows_what_scontrol_forgot(line, state, code, signal) -> None:
    rest = f"{MARK} sacct 0\n{line}\n"
    end = parse_post_mortem(scontrol(1, FORGOTTEN, rest), "1", MARK)
    assert isinstance(end, JobEnd)
    assert (end.state, end.exit_code, end.signal) == (state, code, signal)
    assert end.node == "gpu1"


def test_a_forgotten_job_is_over_though_sacct_shows_it_running() -> None:
    rest = f"{MARK} sacct 0\nRUNNING|0:0|gpu1|None|/home/a|n\n"
    end = parse_post_mortem(scontrol(1, FORGOTTEN, rest), "1", MARK)
    assert isinstance(end, JobEnd)
    assert end.state == "UNKNOWN"


@pytest.mark.parametrize(
    "result",
    [
        scontrol(1, SILENT, DISABLED),
        scontrol(124, ""),
        scontrol(0, "JobId=1 JobState=SOMETHING_NEW\n"),
        Result(127, "", ""),
        Result(0, "", ""),
    ],
)
def test_trouble_with_slurm_is_never_the_end_of_a_job(result: Result) -> None:
    assert isinstance(parse_post_mortem(result, "1", MARK), Unknown)


def test_the_output_files_of_a_running_job() -> None:
    assert parse_output_files(scontrol(0, RUNNING), MARK) == ("/home/a/slurm-1.out",)
    assert parse_output_files(scontrol(1, FORGOTTEN), MARK) == ()
    assert isinstance(parse_output_files(scontrol(1, SILENT), MARK), Unknown)
