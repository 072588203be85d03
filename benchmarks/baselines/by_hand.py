"""A cold start by hand: baselines/by_hand.sh, timed, and cleaned up after."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.endpoint import Wrong
from demo.cluster import Cluster
from tests.stack.stack import free_port
from tests.stack.waiting import wait_for

SCRIPT = Path(__file__).with_suffix(".sh")
SERVICE_PORT = 18080
CONFIG = """\
Host login
    HostName {host}
    Port {port}
    User {user}
    IdentityFile {key}
    ControlPath {directory}/master
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
"""


@dataclass(frozen=True)
class ByHand:
    cluster: Cluster
    config: Path

    def start(self, load_seconds: float) -> float:
        """Seconds until the first answer."""
        local, home = free_port(), self.cluster.home
        words = [SCRIPT, self.config, home / "fast.sh", SERVICE_PORT, local, load_seconds]
        began = time.monotonic()
        done = subprocess.run(
            [*map(str, words)], capture_output=True, text=True, timeout=120, check=False
        )
        took = time.monotonic() - began
        if done.returncode != 0:
            raise Wrong(f"by hand: {done.stderr.strip()[-300:]}")
        job, node = done.stdout.split()
        self._clean_up(job, f"{local}:{node}:{SERVICE_PORT}")
        return took

    def _clean_up(self, job: str, forward: str) -> None:
        self.ssh("-O", "cancel", "-L", forward, "login")
        self.ssh("login", "scancel", job)
        self.wait_until_gone(job)

    def wait_until_gone(self, job: str) -> None:
        wait_for("the job is gone", lambda: job not in self._jobs(), 20)

    def _jobs(self) -> list[str]:
        return [seen["id"] for seen in self.cluster.jobs()]

    def ssh(self, *words: str) -> None:
        argv = ["ssh", "-q", "-F", str(self.config), *words]
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@contextmanager
def by_hand(cluster: Cluster, directory: Path) -> Iterator[ByHand]:
    directory.mkdir(parents=True)
    config = directory / "config"
    config.write_text(
        CONFIG.format(
            host=cluster.ssh_host,
            port=cluster.ssh_port,
            user=cluster.ssh_user,
            key=cluster.key_file,
            directory=directory,
        )
    )
    person = ByHand(cluster, config)
    person.ssh("-M", "-N", "-f", "login")
    try:
        yield person
    finally:
        person.ssh("-O", "exit", "login")
