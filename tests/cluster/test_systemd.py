"""The systemd unit: what it forbids is not needed, and its restart keeps jobs and logins.

systemd itself cannot start it where it is not the first process, so its ExecStart is run under
the same restrictions, made with bubblewrap, setpriv and libseccomp (tests/stack/confined.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.cluster import Cluster
from tests.stack import confined
from tests.stack.installation import install
from tests.stack.ssh import masters
from tests.stack.stack import ROOT, Stack

UNIT = ROOT / "systemd" / "inference-orchestrator.service"
INSTALLED = "/opt/inference-orchestrator"
MOST_EXPOSED = 20  # tenths: below it systemd calls the exposure OK


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """As docs/operator.md installs it where the checkout is somewhere else."""
    made = tmp_path / UNIT.name
    made.write_text(UNIT.read_text().replace(INSTALLED, str(ROOT)))
    return made


def analyze(*words: object) -> str:
    argv = ["systemd-analyze", *map(str, words)]
    done = subprocess.run(
        argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_systemd_understands_every_line_of_it(unit: Path) -> None:
    assert analyze("verify", "--man=no", unit) == ""


def test_systemd_finds_little_exposed(unit: Path) -> None:
    analyze("security", "--offline=true", "--no-pager", f"--threshold={MOST_EXPOSED}", unit)


class Confined(Stack):
    """`run` as the unit runs it."""

    def __init__(self, cluster: Cluster, base: Path) -> None:
        run_dir = Path(tempfile.mkdtemp(prefix="io", dir="/run"))
        super().__init__(cluster, base, run_dir, install(base / "installed"))
        self.base, self.unit = base, base / UNIT.name
        shutil.copy(UNIT, self.unit)
        self.spool, self.keys = base / "spool", base / "keys"
        for directory in (self.spool, self.keys, base / "var"):
            directory.mkdir()
        shutil.copy(cluster.key_file, self.keys)
        (self.root / ".env").symlink_to(base / "var" / ".env")
        self.write([])
        self._own(self.run_dir, base)
        self.journal, self._theirs = socket.socketpair()
        self.journal.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None

    def _own(self, *places: Path) -> None:
        for place in places:
            subprocess.run(["chown", "-R", f"{confined.USER}:nogroup", str(place)], check=True)

    @property
    def environment(self) -> dict[str, str]:
        key_dir = {"ML_SERVICE_SSH_BIND_MOUNT": str(self.keys)}
        return {**super().environment, **key_dir, "SPOOL_DIR": str(self.spool)}

    def _confined(self, word: str) -> list[str]:
        writable = (self.run_dir, self.directory / "var", self.spool)
        command = [sys.executable, "-m", "service_management.cli", word]
        return confined.argv(self.unit, writable, command)

    def start(self) -> None:
        """Its output goes where the journal's would: to a socket."""
        environment = {**self.environment, "PYTHONPATH": f"{self.root}:{ROOT}"}
        self._process = subprocess.Popen(
            self._confined("run"), cwd=self.root, env=environment, stdout=self._theirs
        )
        self.wait_until_alive()

    def reload(self) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, "PYTHONPATH": f"{self.root}:{ROOT}"}
        argv = self._confined("reload")
        return subprocess.run(
            argv, cwd=self.root, env=environment, text=True, capture_output=True, check=False
        )

    def stop(self) -> None:
        """KillMode=process: only the main process gets the signal."""
        assert self._process
        os.kill(self.supervisor(), signal.SIGTERM)
        assert self._process.wait(40) == 0

    def supervisor(self) -> int:
        return int((self.run_dir / "supervisord.pid").read_text())

    def said(self) -> str:
        try:
            return self.journal.recv(1 << 20).decode()
        except BlockingIOError:
            return ""

    def end(self) -> None:
        with contextlib.suppress(OSError):  # stopped already, or never started
            os.kill(self.supervisor(), signal.SIGTERM)
        if self._process:
            self._process.wait(40)
        self.down()
        shutil.rmtree(self.base)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        for end in (self.journal, self._theirs):
            end.close()


@pytest.fixture
def stack(cluster: Cluster) -> Iterator[Confined]:
    base = Path(tempfile.mkdtemp(prefix="io-", dir="/opt"))
    base.chmod(0o755)
    made = Confined(cluster, base)
    try:
        yield made
    finally:
        print(made.log_tails())
        made.end()


def test_it_runs_confined_and_a_restart_keeps_jobs_and_logins(stack: Confined, route: str) -> None:
    stack.start()
    stack.configure(stack.entry(route, ssh_key_file=str(stack.keys / stack.cluster.key_file.name)))
    body = os.urandom(1_000_000)  # more than nginx keeps in memory
    assert stack.client.post(f"/{route}/echo", content=body).status_code == 200
    status = Path(f"/proc/{stack.supervisor()}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapBnd:\t0000000000000000" in status
    assert "success: nginx entered RUNNING state" in stack.said()
    jobs, logins = stack.jobs(route), masters(stack)
    assert bool(logins) == stack.tunnels_outlive_control_plane  # paramiko's are in its process

    reloaded = stack.reload()
    assert reloaded.returncode == 0, reloaded.stderr
    stack.stop()
    stack.start()
    stack.wait_for_state(route, "ready")

    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert [job["id"] for job in stack.jobs(route)] == [job["id"] for job in jobs]
    assert masters(stack) == logins


def test_what_the_unit_forbids_is_forbidden_here_too(stack: Confined) -> None:
    """Else the other test would show nothing."""
    code = (
        "import os\n"
        "for attempt in (\n"
        "    lambda: open('/opt/inference-orchestrator.txt', 'w'),\n"
        "    lambda: os.setuid(0),\n"
        "    lambda: os.chroot('/'),\n"
        "    lambda: os.listdir('/root/.ssh'),\n"
        "):\n"
        "    try:\n"
        "        attempt()\n"
        "    except OSError as error:\n"
        "        print(type(error).__name__, error.strerror)\n"
    )
    argv = confined.argv(stack.unit, [stack.spool], [sys.executable, "-c", code])
    done = subprocess.run(argv, text=True, capture_output=True, check=False, cwd=ROOT)
    assert done.stdout.splitlines() == [
        "OSError Read-only file system",
        "PermissionError Operation not permitted",
        "PermissionError Operation not permitted",
        "FileNotFoundError No such file or directory",
    ], done.stderr
