"""The scripts' other branch: clusters whose sacct answers. The programs are stand-ins that print
what real ones print; everything on real Slurm is in tests/cluster_ssh."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.slurm.scontrol import job_script, parse_post_mortem
from service_management.slurm.squeue import find_script, parse_find
from service_management.ssh.connection import Result
from service_management.ssh.script_envelope import Envelope

NAME = "orc.r.0.8000.n"
FORGOTTEN = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    program(tmp_path, "scontrol", FORGOTTEN)
    program(tmp_path, "squeue", "true")
    return tmp_path


def program(site: Path, name: str, body: str) -> None:
    path = site / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def execute(site: Path, script: str) -> Result:
    envelope = Envelope.around(script)
    done = subprocess.run(
        ["/bin/sh", "-s"],
        input=envelope.text(),
        capture_output=True,
        text=True,
        env={"HOME": str(site), "PATH": f"{site}/bin:{os.environ['PATH']}"},
        check=True,
        timeout=20,
    )
    result = envelope.open(done.stdout, done.stderr)
    assert result is not None
    return result


def test_sacct_gives_a_jobs_end_and_its_output_file(site: Path) -> None:
    program(site, "sacct", f"echo 'FAILED|3:0|gpu1|None|{site}|{NAME}'")
    result = execute(site, job_script("5", "mark", 10))
    assert parse_post_mortem(result, "5", "mark") == JobEnd(
        "5", "FAILED", 3, None, "", "gpu1", output_file=f"{site}/slurm-5.out"
    )


@pytest.mark.parametrize(
    "body", ["echo 'Slurm accounting storage is disabled' >&2; exit 1", "true"]
)
def test_an_empty_answer_of_sacct_leaves_the_end_unknown(site: Path, body: str) -> None:
    program(site, "sacct", body)
    result = execute(site, job_script("5", "mark", 10))
    assert parse_post_mortem(result, "5", "mark") == JobEnd("5", "UNKNOWN")


def test_find_asks_sacct_for_what_the_queue_has_forgotten(site: Path) -> None:
    line = f"5|CANCELLED by 7|None assigned|Unknown|2026-11-21T05:42:00|None|{NAME}"
    program(site, "sacct", f"echo '{line}'")
    found = parse_find(execute(site, find_script([NAME], 10)), [NAME])
    assert isinstance(found, dict)
    assert isinstance(found := found[NAME], JobView)
    assert (found.job_id, found.phase, found.node) == ("5", JobPhase.ENDED, "")


def test_a_silent_queue_is_not_made_up_for_by_sacct(site: Path) -> None:
    program(site, "squeue", "echo 'slurm_load_jobs error: Socket timed out' >&2; exit 1")
    program(site, "sacct", "true")
    assert execute(site, find_script([NAME], 10)).exit_code == 1
