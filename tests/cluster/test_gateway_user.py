"""What root starts runs as a user without privileges; an installation that root ran goes on so."""

from __future__ import annotations

import shutil
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from demo.cluster import Cluster
from tests.stack.bringup import new_run_dir
from tests.stack.stack import ROOT, Stack

PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"
PACKAGES = next(path for path in site.getsitepackages() if path.startswith(sys.prefix))


class InstalledForAllUsers(Stack):
    """In places that every user may enter, by a Python that every user may run."""

    gateway_user = ""

    @property
    def environment(self) -> dict[str, str]:
        own = {"GATEWAY_USER": self.gateway_user, "PYTHONPATH": PACKAGES}
        keys = {"ML_SERVICE_SSH_BIND_MOUNT": str(self.directory / "keys")}
        spool = {"SPOOL_DIR": str(self.directory / "spool")}
        return {**super().environment, **own, **keys, **spool}

    def orchestrator(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = [PYTHON, "-m", "service_management.cli", *words]
        return subprocess.run(
            argv, env=self.environment, cwd=self.root, check=check, text=True, capture_output=True
        )

    def listen_at(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.client.base_url = httpx.URL(self.url)

    def users(self) -> dict[str, str]:
        """Program → user, of all that runs for this gateway."""
        found = {}
        for process in psutil.process_iter(["pid", "username", "cmdline"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.run_dir) in words or process.pid in self.control_pids():
                found[words.partition(" ")[0].rpartition("/")[2]] = process.info["username"]
        return found


@pytest.fixture
def installed(cluster: Cluster) -> Iterator[InstalledForAllUsers]:
    reachable = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all", "ls", ROOT, PACKAGES],
        check=False,
        capture_output=True,
    )
    if reachable.returncode or not Path(PYTHON).exists():
        pytest.skip(f"only root can read {ROOT} or {PACKAGES}, or there is no {PYTHON}")
    directory = Path(tempfile.mkdtemp(prefix="io", dir="/var/tmp"))
    directory.chmod(0o755)
    (directory / "keys").mkdir(mode=0o700)
    shutil.copy(cluster.key_file, directory / "keys" / "demo_key")
    stack = InstalledForAllUsers(cluster, directory, new_run_dir())
    try:
        yield stack
    finally:
        stack.down()
        shutil.rmtree(directory, ignore_errors=True)
        shutil.rmtree(stack.run_dir, ignore_errors=True)


def _low_port() -> int:
    for port in range(1023, 600, -1):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port below 1024")


def test_what_root_ran_goes_on_as_an_unprivileged_user(
    installed: InstalledForAllUsers, route: str
) -> None:
    """With its job, its store and its keys, which were root's; also at a port below 1024."""
    stack = installed
    stack.listen_at(_low_port())
    stack.gateway_user = "root"
    stack.up()
    stack.configure(stack.entry(route, ssh_key_file="demo_key"))
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert "orchestrator" not in stack.users().values()
    stack.orchestrator("down", "--keep-jobs")

    stack.gateway_user = ""
    stack.up()

    stack.wait_for_state(route, "ready")
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert stack.submissions(route) == 1
    assert set(stack.users().values()) == {"orchestrator"}
    assert {"nginx:", Path(PYTHON).name} <= stack.users().keys()
    for place in (stack.run_dir, stack.directory / "var", stack.directory / "keys" / "demo_key"):
        assert (place.owner(), place.stat().st_mode & 0o077) == ("orchestrator", 0)

    stack.orchestrator("upgrade")

    assert stack.state(route) == "ready"
    assert set(stack.users().values()) == {"orchestrator"}
    stack.orchestrator("down")
    assert not stack.run_dir.exists()
    assert (stack.users(), stack.jobs(route)) == ({}, [])


def test_a_user_that_cannot_read_what_is_needed_is_named(
    installed: InstalledForAllUsers, tmp_path: Path
) -> None:
    """If it is configured, it is an error; by default the gateway runs as root, and says so."""
    installed.config = tmp_path / "services_config.json"  # pytest's directories are root's alone
    installed.gateway_user = "nobody"
    installed.write([])
    refused = installed.orchestrator("up", check=False)
    assert refused.returncode == 1
    assert f"user nobody cannot read {installed.config}" in refused.stderr.replace("\n", " ")

    installed.gateway_user = ""
    started = installed.orchestrator("up")
    assert "run as root, because user" in started.stdout
    assert set(installed.users().values()) <= {"root", "www-data"}
