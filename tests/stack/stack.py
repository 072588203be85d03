"""A separate gateway: nginx, gunicorn and their supervisor, with their own ports and paths."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from demo.cluster import Cluster
from tests.stack.certificate import Certificate
from tests.stack.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "test-token-of-the-stack"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stack:
    """`up()`, then `configure(...)` and talk to `url`."""

    def __init__(
        self,
        cluster: Cluster,
        directory: Path,
        run_dir: Path,
        root: Path = ROOT,
        certificate: Certificate | None = None,
    ) -> None:
        self.cluster, self.directory, self.run_dir = cluster, directory, run_dir
        self.root = root  # where the product is installed
        self.certificate = certificate
        self.port, self.flask_port = free_port(), free_port()
        self.config = directory / "services_config.json"
        self.identity = f"io-{run_dir.name[-6:].replace('_', 'x')}"
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        # A connection for each request: nginx closes idle ones when it takes up a configuration,
        # and a request that meets the closing would have to be sent again by this client.
        limits = httpx.Limits(max_keepalive_connections=0)
        trust = certificate.trust() if certificate else True
        self.client = httpx.Client(base_url=self.url, timeout=60, limits=limits, verify=trust)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "NGINX_PORT": str(self.port),
            "NGINX_LISTEN_PORT": str(self.port),
            "ML_SERVICE_FLASK_PORT": str(self.flask_port),
            "ML_SERVICE_SSH_BIND_MOUNT": str(self.cluster.key_file.parent),
            "ADMIN_TOKEN": TOKEN,
            "ORCHESTRATOR_ID": self.identity,
            "SERVICES_CONFIG": str(self.config),
            "STATE_DIR": str(self.directory / "var"),
            "RUN_DIR": str(self.run_dir),
            "LOG_LEVEL": "debug",
            **(self.certificate.settings() if self.certificate else {}),
        }

    @property
    def tunnels_outlive_control_plane(self) -> bool:
        """Whether tunnels do. With paramiko they live in the control plane's process."""
        return self.environment.get("SSH_BACKEND", "openssh") == "openssh"

    # -- running it -----------------------------------------------------------------

    def up(self) -> None:
        if not self.config.exists():
            self.write([])
        self.orchestrator("up")

    def down(self) -> None:
        self.client.close()
        self.orchestrator("down", check=False)

    def orchestrator(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "service_management.cli", *words]
        return subprocess.run(
            argv, env=self.environment, cwd=self.root, check=check, text=True, capture_output=True
        )

    def control_pids(self) -> list[int]:
        """gunicorn's arbiter and its worker."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (
                    (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                )
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            ours = f"RUN_DIR={self.run_dir}\0".encode() in environment
            if ours and "gunicorn_conf" in command:
                found.append(int(process.name))
        return sorted(found)

    def kill_control_plane(self) -> None:
        """kill -9 of all of it at once; the supervisor starts it again."""
        for pid in self.control_pids():
            with suppress(ProcessLookupError):  # a child of theirs that was about to become ssh
                os.kill(pid, signal.SIGKILL)

    def wait_until_alive(self) -> None:
        wait_for("the control plane is back", self._alive, 40)

    def _alive(self) -> bool:
        try:
            answers = map(self.client.get, ("/healthz", "/info"))
            return all(answer.status_code == 200 for answer in answers)
        except httpx.TransportError:
            return False

    def log(self, name: str = "control") -> str:
        return (self.directory / "var" / "log" / f"{name}.log").read_text(errors="replace")

    def log_tails(self, lines: int = 40) -> str:
        """The end of every log, for the reader of a failed test."""
        files = [
            *(self.directory / "var" / "log").glob("*.log"),
            self.run_dir / "log" / "error.log",
        ]
        texts = [(file, file.read_text(errors="replace")) for file in files if file.exists()]
        return "\n".join(
            f"--- {file.name}\n" + "\n".join(text.splitlines()[-lines:]) for file, text in texts
        )

    # -- its configuration ----------------------------------------------------------

    def entry(self, route: str, **keys: Any) -> dict[str, Any]:
        """The test service by default."""
        return {
            "name": route,
            "route_name": route,
            "ssh_username": self.cluster.ssh_user,
            "ssh_key_file": str(self.cluster.key_file),
            "remote_host": self.cluster.ssh_host,
            "ssh_port": self.cluster.ssh_port,
            "remote_port": "auto",
            "bash_file": "probe.sh",
            "check_health_path": "/health",
            "timeout": 120,
            "api_paths": ["/"],
            **keys,
        }

    def write(self, services: list[dict[str, Any]]) -> None:
        draft = self.config.with_suffix(".new")
        draft.write_text(json.dumps({"Services": services}, indent=1))
        draft.replace(self.config)

    def configure(self, *services: dict[str, Any]) -> None:
        """Write the file, and wait until exactly these services are served."""
        self.write(list(services))
        wanted = {service["route_name"] for service in services}
        wait_for(f"{wanted} served", lambda: self._served() == wanted, 15)

    def _served(self) -> set[str]:
        info = self.info()
        assert info["config_error"] is None, info["config_error"]["text"]
        return {service["route_name"] for service in info["services"]}

    # -- looking at it --------------------------------------------------------------

    def info(self, route: str = "") -> dict[str, Any]:
        answer = self._look(f"/info/{route}" if route else "/info")
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    def _look(self, path: str) -> httpx.Response:
        """Once more where nginx, reloading, closed the idle connection under our feet."""
        try:
            return self.client.get(path)
        except httpx.RemoteProtocolError:
            return self.client.get(path)

    def state(self, route: str) -> str:
        return str(self.info(route)["state"])

    def wait_for_state(self, route: str, *states: str, seconds: float = 30) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            info = self.info(route)
            return info if info["state"] in states else None

        seen = wait_for(f"{route} is {' or '.join(states)}", look, seconds)
        assert seen is not None
        return seen

    def admin(self, route: str, verb: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.client.post(f"/admin/services/{route}/{verb}", headers=headers)

    def details(self, route: str) -> dict[str, Any]:
        """What /info leaves out, because it may hold secrets."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = self.client.get(f"/admin/services/{route}", headers=headers)
        answer.raise_for_status()
        result: dict[str, Any] = answer.json()
        return result

    def jobs(self, route: str = "") -> list[dict[str, Any]]:
        """What is in Slurm's queue of this gateway, pending, running or completing."""
        prefix = f"{self.identity}.{route}." if route else f"{self.identity}."
        return [job for job in self.cluster.jobs() if job["name"].startswith(prefix)]

    def submissions(self, route: str) -> int:
        """Every job that Slurm was ever given for the route, and still remembers."""
        names = self.submitted_names()
        return sum(name.startswith(f"{self.identity}.{route}.") for name in names)

    def submitted_names(self) -> list[str]:
        return self.cluster.run("squeue -h -t all -o %j").split()
