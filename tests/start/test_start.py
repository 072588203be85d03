"""./start.cmd as a new user runs it: from a clean clone, with its demo cluster."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from demo.cluster import Cluster
from demo.spec import DEFAULT_DIRECTORIES
from tests.docs.typed import WALKED
from tests.stack.stack import free_port
from tests.stack.waiting import wait_for
from tests.start.walk import Walk

ROOT = Path(__file__).resolve().parents[2]
DEMO = DEFAULT_DIRECTORIES["host"]
IDLE = 3


class Clone:
    """A clean clone, on free ports."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        subprocess.run(["git", "clone", "-q", str(ROOT), str(directory)], check=True)
        self.port, self.flask_port = free_port(), free_port()
        self.config = directory / "services_config.json"
        self.as_shipped = self.config.read_text()
        self.shorten_idleness()

    def shorten_idleness(self) -> None:
        text = self.as_shipped.replace('"timeout": 60', f'"timeout": {IDLE}')
        self.config.write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
        ports = {"NGINX_PORT": str(self.port), "ML_SERVICE_FLASK_PORT": str(self.flask_port)}
        return {**inherited, **ports}

    def start_cmd(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["./start.cmd", "--native", *words],
            cwd=self.directory,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *words: str) -> str:
        process = self.start_cmd(*words)
        said, _ = process.communicate(timeout=280)
        assert process.returncode == 0, said
        return said

    def interrupted(self, *words: str, at: str) -> tuple[int, str]:
        """Ctrl-C once it says this; how it ended, and all that it said."""
        process = self.start_cmd(*words)
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if at in line:
                os.killpg(process.pid, signal.SIGINT)
                break
        rest, _ = process.communicate(timeout=90)
        return process.returncode, said + rest

    def processes(self) -> list[str]:
        """Whatever runs from this clone, or from the demo cluster; a container's own processes
        may have the same names."""
        found, here = [], Path("/proc/self/ns/pid").readlink()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "ns" / "pid").readlink() != here:
                    continue
                command = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
                where = str((entry / "cwd").readlink())
            except OSError:
                continue
            if str(self.directory) in command + where or str(DEMO) in command:
                found.append(command)
        return found


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    if DEMO.exists():
        pytest.fail(f"{DEMO} exists: take your demo cluster down (./start.cmd stop) and try again")
    clone = Clone(tmp_path_factory.mktemp("start") / "clone")
    try:
        yield clone
    finally:
        clone.start_cmd("stop").communicate(timeout=120)
        shutil.rmtree(clone.directory, ignore_errors=True)


def assert_nothing_left(clone: Clone) -> None:
    wait_for("no process is left", lambda: not clone.processes(), 10)
    assert not DEMO.exists()
    assert str(DEMO) not in Path("/proc/mounts").read_text()


def test_one_command_and_one_curl_are_answered_by_a_job(clone: Clone) -> None:
    said = clone.run()
    assert "What to try next" in said
    jobs = Cluster.load(DEMO).jobs

    answer = httpx.get(f"http://127.0.0.1:{clone.port}/classifier/example", timeout=120)

    assert answer.status_code == 200
    assert "X-Cold-Start" in answer.headers
    assert len(jobs()) == 1
    wait_for("the job is gone", lambda: not jobs(), IDLE + 10, pause=0.02)
    info = f"http://127.0.0.1:{clone.port}/info/classifier"
    wait_for("the route is cold again", lambda: httpx.get(info).json()["state"] == "cold")


@pytest.fixture
def unhurried(clone: Clone) -> Iterator[None]:
    """As shipped: jobs stay for a while."""
    clone.config.write_text(clone.as_shipped)
    yield
    clone.shorten_idleness()


@pytest.mark.usefixtures("unhurried")
def test_second_start_changes_nothing_and_stop_leaves_nothing(clone: Clone) -> None:
    clone.run()
    httpx.get(f"http://127.0.0.1:{clone.port}/classifier/example", timeout=120)
    before = {job["id"] for job in Cluster.load(DEMO).jobs()}
    said = clone.run()
    assert "already running" in said
    assert {job["id"] for job in Cluster.load(DEMO).jobs()} == before
    assert "classifier" in clone.run("status")
    assert "the control plane is version" in clone.run("upgrade")
    assert "log/control.log" in clone.interrupted("logs", at="log/control.log")[1]

    said = clone.run("restart")

    assert "cancelling the job of classifier" in said
    assert said.index("taking the demo cluster down") < said.index("What to try next")
    assert Cluster.load(DEMO).jobs() == []

    clone.run("stop")

    assert_nothing_left(clone)
    assert not subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=clone.directory,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.replace(" M services_config.json\n", "")


def test_no_demo_cluster_unless_the_configuration_names_its_key(clone: Clone) -> None:
    clone.start_cmd("stop").communicate(timeout=120)  # another test may have left it running
    clone.config.write_text('{"Services": []}')
    try:
        said = clone.run()
        assert f"curl -i http://127.0.0.1:{clone.port}/" in said
        assert not DEMO.exists()
    finally:
        clone.run("stop")
        clone.shorten_idleness()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("unhurried")
def test_documented_commands_do_what_the_pages_show(clone: Clone) -> None:
    clone.run()
    walk = Walk(clone.directory, clone.environment, clone.port)
    try:
        for page in WALKED:
            walk.through(page)
            walk.stop_services()
    finally:
        subprocess.run(["git", "clean", "-fdq"], cwd=clone.directory, check=True)


@pytest.mark.parametrize("after", ["starting the demo cluster", "starting nginx"])
def test_ctrl_c_during_the_start_leaves_nothing(clone: Clone, after: str) -> None:
    clone.start_cmd("stop").communicate(timeout=120)  # another test may have left it running
    code, said = clone.interrupted(at=after)

    assert code == 130, said
    assert_nothing_left(clone)


def test_a_mistyped_word_is_named_with_the_usage(clone: Clone) -> None:
    process = clone.start_cmd("strat")
    said, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "unknown word: 'strat'" in said
    assert "Usage" in said
