"""Processes of a container are visible on its host, and a gateway there ignores them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from demo import processes
from demo.spec import DEFAULT_DIRECTORIES
from service_management import settings
from service_management.gateway.foreground import orphans
from service_management.gateway.nginx import Nginx
from service_management.gateway.process_table import is_running, local_pids, pid_in_file
from service_management.host import layout
from service_management.native.supervisor import stray_processes
from tests.docker.deployment import NAME, Deployment
from tests.stack.waiting import wait_for


def _in_container(title: str, name: str = NAME) -> list[int]:
    """As this machine numbers them."""
    argv = ["docker", "top", name, "-eo", "pid,args"]
    rows = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    return [int(row.split()[0]) for row in rows if title in row]


@pytest.fixture
def native(tmp_path: Path) -> settings.Settings:
    """A gateway on this machine with the very paths and ports of the container's."""
    values = {"STATE_DIR": str(tmp_path), "RUN_DIR": "/run/io", "NGINX_LISTEN_PORT": "80"}
    return settings.parse({**settings.DEFAULTS, **values}, tmp_path)


def test_processes_of_a_container_are_not_strays(
    running: Deployment, native: settings.Settings
) -> None:
    assert _in_container("nginx: master")
    assert stray_processes(native, Nginx(layout.gateway_settings(native))) == {}
    assert orphans(native.run_dir / "log" / "error.log") == []


def test_a_pid_file_naming_a_containers_process_is_ignored(
    running: Deployment, tmp_path: Path
) -> None:
    (pid,) = _in_container("supervisord.conf")
    file = tmp_path / "supervisord.pid"
    file.write_text(str(pid))
    assert is_running(pid)
    assert pid not in local_pids()
    assert pid_in_file(file, "supervisord") is None


def test_the_native_demo_leaves_one_in_a_container_alone(running: Deployment) -> None:
    name = running.compose("ps", "-q", "demo_cluster").strip()
    theirs = wait_for("the cluster", lambda: _in_container("slurmctld", name), 60, 0.5)
    found = processes.daemons_of(DEFAULT_DIRECTORIES["host"] / "etc" / "slurm.conf")
    assert not {process.pid for process in found} & {*theirs}
