"""llama-swap: a proxy that starts a command for the model that a request names."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.baselines.by_hand import ByHand
from benchmarks.baselines.programs import listens, running
from benchmarks.endpoint import Endpoint
from benchmarks.peers.container import SCRIPT
from benchmarks.peers.installed import find
from demo.cluster import Cluster
from tests.stack.stack import free_port

JOB = Path(__file__).with_name("slurm_job.sh")
SERVICE_PORT = 18090
LOCAL = f"sh {SCRIPT} ${{PORT}}"


@dataclass(frozen=True)
class LlamaSwap:
    """Its models start at their first request."""

    port: int
    submissions: Path

    def endpoint(self, model: str, name: str) -> Endpoint:
        return Endpoint(name, "127.0.0.1", self.port, f"/upstream/{model}")

    def jobs(self) -> list[str]:
        """Submitted so far."""
        return self.submissions.read_text().split() if self.submissions.exists() else []

    def unload(self, model: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", f"/api/models/unload/{model}")
        connection.getresponse().read()
        connection.close()


@contextmanager
def llama_swap(directory: Path, models: dict[str, tuple[str, bool]]) -> Iterator[LlamaSwap]:
    """Models by name: their commands, and whether any number of requests may be in flight; 10 by
    default."""
    program = find("llama-swap")
    directory.mkdir(parents=True)
    here, config = free_port(), directory / "config.yaml"
    entries = {
        name: {"cmd": command, **({"concurrencyLimit": 10_000} if unlimited else {})}
        for name, (command, unlimited) in models.items()
    }
    content = {"logLevel": "warn", "startPort": free_port(), "models": entries}
    config.write_text(json.dumps(content))  # JSON is YAML too
    argv = [program, "-config", str(config), "-listen", f"127.0.0.1:{here}"]
    with running(argv, directory / "llama-swap.log", lambda: listens(here)):
        yield LlamaSwap(here, directory / "submissions")


def ssh_command(cluster: Cluster, node: str, port: int) -> str:
    """A tunnel to a service that runs, for as long as llama-swap wants it."""
    words = ["ssh", "-F", "none", "-N", "-L", f"${{PORT}}:{node}:{port}", "-o", "BatchMode=yes"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    words += ["-i", str(cluster.key_file), "-p", str(cluster.ssh_port)]
    return " ".join([*words, f"{cluster.ssh_user}@{cluster.ssh_host}"])


def job_command(person: ByHand, directory: Path, load_seconds: float) -> str:
    script = person.cluster.home / "fast.sh"
    words = [JOB, person.config, script, SERVICE_PORT, "${PORT}", load_seconds]
    return " ".join(map(str, [*words, directory / "submissions"]))
