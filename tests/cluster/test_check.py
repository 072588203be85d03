"""`orchestrator check`: finds what is wrong with a start, and disturbs nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from typer.testing import CliRunner

from demo.cluster import Cluster
from service_management.cli.commands import app
from tests.stack.stack import ROOT, Stack
from tests.stack.waiting import wait_for

SERVER = '. "$HOME/python.env"\nexec "$DEMO_PYTHON" -m services.probe'
SCRIPTS = {
    "crlf.sh": f"#!/bin/sh\r\n{SERVER} $1\r\n",
    "bare.sh": f"{SERVER} $1\n",
    "empty.sh": "",
    "closed.sh": "#!/bin/sh\n#SBATCH --output=/usr/%x.out\nserve $1\n",
    "elsewhere.sh": f'#!/bin/sh\n{SERVER} "$(($1 + 1))"\n',
    # Answers for a while after its job has ended: a demo cluster has no cgroups that end it too.
    "behind.sh": "#!/bin/sh\n" + SERVER.replace("exec", "timeout 20") + ' "$1" &\n',
}
# What is wrong → the step that fails, and words of its text.
MISTAKES: dict[str, tuple[dict[str, Any], str, str]] = {
    "crlf": ({"bash_file": "crlf.sh"}, "script", "Windows line ends"),
    "bare": ({"bash_file": "bare.sh"}, "script", "does not name an interpreter"),
    "empty": ({"bash_file": "empty.sh"}, "script", "is empty"),
    "missing": ({"bash_file": "prob.sh"}, "script", "does not exist; beside it is probe.sh"),
    "directory": ({"bash_file": "services"}, "script", "is a directory"),
    "closed": ({"bash_file": "closed.sh"}, "files", "/usr: Permission denied"),
    "partition": ({"sbatch_args": ["--partition=gpuu"]}, "sbatch", "Invalid partition name"),
    "user": ({"ssh_username": "nobody-here"}, "login", "does not accept the key"),
    "port": ({"ssh_port": 1}, "network", "refused the connection"),
    "pinned": ({"known_hosts_file": "{empty}"}, "host key", "has no key of"),
}


@pytest.fixture
def scripts(cluster: Cluster) -> Iterator[None]:
    for name, text in SCRIPTS.items():
        (cluster.home / name).write_bytes(text.encode())
    yield
    for name in SCRIPTS:
        (cluster.home / name).unlink()


@pytest.fixture
def down(cluster: Cluster, tmp_path: Path) -> Iterator[Stack]:
    """A gateway that does not run."""
    stack = Stack(cluster, tmp_path, Path(tempfile.mkdtemp(prefix="io", dir="/run")))
    yield stack
    stack.down()
    assert not stack.jobs()


def started(stack: Stack, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "service_management.cli", "check", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        argv, env=stack.environment, cwd=ROOT, text=True, stdout=pipe, stderr=pipe
    )


def check(stack: Stack, *words: str, code: int = 0) -> dict[str, Any]:
    """In this process: starting Python for each would take most of the time."""
    done = CliRunner().invoke(app, ["check", *words, "--json"], env=stack.environment)
    assert done.exit_code == code, (done.output, done.exception)
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["ok"] == (code == 0)
    return report


def step(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in report["steps"] if one["step"] == name)


def test_each_mistake_fails_at_its_own_step(stack: Stack, scripts: None, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    entries = []
    for name, (keys, _, _) in MISTAKES.items():
        filled = {k: str(tmp_path / "empty") if v == "{empty}" else v for k, v in keys.items()}
        entries.append(stack.entry(name, **filled))
    stack.configure(*entries)
    for name, (_, failing, words) in MISTAKES.items():
        report = check(stack, name, code=1)
        failed = [one for one in report["steps"] if one["verdict"] == "failed"]
        assert [one["step"] for one in failed] == [failing], report
        assert words in failed[0]["text"]
        assert report["verdict"] == f"{name} does not work: {failing} failed"
        assert not stack.submissions(name)


def test_a_service_that_works_is_started_and_stopped(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    out, err = started(stack, route).communicate(timeout=60)
    assert not err
    lines = out.splitlines()
    assert lines[-1] == f"{route} works"
    marked = [line.split()[1] for line in lines if line.startswith("✓")]
    assert marked[0] == "entry"
    assert "Slurm accepts the job: it would start at 20" in out
    assert marked[-7:] == ["slurm", "script", "files", "sbatch", "start", "listening", "health"]
    assert (stack.state(route), stack.submissions(route)) == ("cold", 1)
    assert not stack.jobs(route)
    assert check(stack, route, "--no-start")["steps"][-1]["step"] == "sbatch"
    assert check(stack, route, "--keep")["ok"]
    assert (stack.state(route), stack.submissions(route)) == ("ready", 2)


def test_a_server_that_outlives_its_script_is_no_success(
    stack: Stack, service: Callable[..., str], scripts: None
) -> None:
    report = check(stack, service(bash_file="behind.sh"), code=1)
    said = " ".join(one["text"] for one in report["steps"])
    assert "it starts something with &" in said
    assert "the batch script ended while its server was in the background" in said


def test_a_service_in_use_keeps_its_job_and_answers(
    stack: Stack, service: Callable[..., str]
) -> None:
    route, over = service(), Event()
    assert stack.client.get(f"/{route}/echo").status_code == 200
    before = stack.jobs(route)

    def traffic() -> set[int]:
        seen = set()
        while not over.is_set():
            seen.add(stack.client.get(f"/{route}/echo").status_code)
        return seen

    with ThreadPoolExecutor(1) as pool:
        answers = pool.submit(traffic)
        try:
            report = check(stack, route)
        finally:
            over.set()
    assert answers.result() == {200}
    assert before[0]["id"] in step(report, "start")["text"]
    assert [job["id"] for job in stack.jobs(route)] == [before[0]["id"]]
    assert stack.state(route) == "ready"


def test_requests_that_come_meanwhile_keep_the_job(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"START_DELAY": "1"})
    checking = started(stack, route)
    wait_for("it is started", lambda: stack.state(route) != "cold")
    assert stack.client.get(f"/{route}/echo").status_code == 200
    out, _ = checking.communicate(timeout=60)
    assert "it is left running" in out
    assert (checking.returncode, stack.state(route), stack.submissions(route)) == (0, "ready", 1)


def test_without_a_gateway_a_job_of_its_own_is_tried(down: Stack, scripts: None) -> None:
    wrong = down.entry("wrong", bash_file="elsewhere.sh", startup_timeout=3)
    down.write([down.entry("good", verify="token"), wrong])
    assert "is ready" in step(check(down, "good"), "start")["text"]
    assert not down.jobs()
    report = check(down, "wrong", code=1)
    assert "does its script use the port in $1?" in step(report, "start")["text"]
    assert report["verdict"] == "wrong does not work: start failed"
    assert not down.jobs()
    assert not list((down.run_dir / "ssh").glob("*.ctl"))


def test_no_job_outlives_a_check_that_was_interrupted(
    stack: Stack, service: Callable[..., str], down: Stack
) -> None:
    entry = {"env": {"REFUSE_PORT": "1"}}
    route = service(**entry)
    down.write([down.entry(route, **entry)])
    for where in (stack, down):
        checking = started(where, route)
        wait_for("its job runs", partial(_running, where))
        checking.send_signal(signal.SIGINT)
        checking.communicate(timeout=60)
        assert checking.returncode == 130
        assert not where.jobs()
    assert stack.state(route) == "cold"


def killed_check(stack: Stack, route: str) -> str:
    """The job that it leaves behind. It was about to wait a minute for a service."""
    stack.write([stack.entry(route, env={"REFUSE_PORT": "1"}, startup_timeout=60)])
    checking = started(stack, route)
    wait_for("its job is bounded", lambda: _running(stack) and _limit(stack) == "00:03:00")
    checking.kill()
    checking.communicate()
    stack.write([stack.entry(route)])
    return stack.jobs()[0]["id"]


def test_the_next_check_cancels_what_a_killed_one_left(down: Stack, route: str) -> None:
    left = killed_check(down, route)
    assert "is ready" in step(check(down, route), "start")["text"]
    assert _is_gone(down, left)


def test_a_gateway_cancels_it_and_a_kept_job_is_not_touched(down: Stack, route: str) -> None:
    left = killed_check(down, route)
    down.up()
    wait_for("it is cancelled", partial(_is_gone, down, left))
    assert down.client.get(f"/{route}/echo").status_code == 200
    down.orchestrator("down", "--keep-jobs")
    (kept,) = down.jobs(route)
    assert kept["id"] in step(check(down, route), "start")["text"]
    assert down.jobs(route) == [kept]


def _is_gone(stack: Stack, job_id: str) -> bool:
    return job_id not in [job["id"] for job in stack.jobs()]


def _running(stack: Stack) -> bool:
    return any(job["state"] == "RUNNING" for job in stack.jobs())


def _limit(stack: Stack) -> str:
    text = stack.cluster.run(f"scontrol show job {stack.jobs()[0]['id']}")
    return text.partition("TimeLimit=")[2].split()[0]


def test_what_cannot_be_started_is_said(stack: Stack, route: str) -> None:
    crashing = f"{route}-crashing"
    stack.configure(stack.entry(route), stack.entry(crashing, env={"CRASH_AT_START": "3"}))
    stack.admin(route, "disable")
    assert "disabled" in step(check(stack, route, code=1), "start")["text"]
    advice = check(stack, f"{route}x", code=1)["steps"][-1]["advice"]
    assert advice == f"did you mean {route}?"
    failed = step(check(stack, crashing, code=1), "start")
    assert "exit code 3" in failed["text"]
    assert "fatal: cannot load" in failed["output"][-1]
