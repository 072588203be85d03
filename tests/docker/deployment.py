"""A clean clone with its own port, run by compose without changes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.docker import engine
from tests.stack.stack import free_port
from tests.stack.waiting import wait_for

NAME = "ml_service_management"
IDLE = 3


class Deployment:
    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        subprocess.run(["git", "clone", "-q", str(engine.ROOT), str(directory)], check=True)
        self.keys = directory / "ssh_bind_mnt"
        self.config = directory / "services_config.json"
        self.edit('"timeout": 60', f'"timeout": {IDLE}')
        self.settings({})
        limits = httpx.Limits(max_keepalive_connections=0)
        url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=url, timeout=60, limits=limits)

    def settings(self, values: dict[str, str]) -> None:
        """A `.env` with these, and a port of this deployment's own."""
        every = {"NGINX_PORT": str(self.port), "COMPOSE_PROFILES": "demo"}
        every |= {"ORCHESTRATOR_ID": "io-docker", **values}
        lines = [f"{name}={value}\n" for name, value in every.items()]
        (self.directory / ".env").write_text("".join(lines))

    def edit(self, old: str, new: str) -> None:
        """As editors do: a new file takes the old one's place."""
        text = self.config.read_text()
        assert old in text
        draft = self.config.with_suffix(".new")
        draft.write_text(text.replace(old, new))
        draft.replace(self.config)

    # -- compose and docker ---------------------------------------------------------

    def compose(self, *words: str, check: bool = True) -> str:
        argv = [*engine.compose(), "-f", "docker-compose.yaml", *words]
        return _run(argv, check=check, cwd=self.directory)

    def up(self, *words: str) -> None:
        self.compose("up", "-d", *words)

    def down(self) -> None:
        self.client.close()
        self.compose("--profile", "demo", "down", "--volumes", "--timeout", "1", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def inside(self, *argv: str, check: bool = True) -> str:
        """A command in the gateway's container."""
        return _run(["docker", "exec", NAME, *argv], check=check)

    def logs(self) -> str:
        return _run(["docker", "logs", "--tail", "200", NAME], check=False)

    def facts(self) -> dict[str, Any]:
        (found,) = json.loads(_run(["docker", "inspect", NAME]))
        return dict(found)

    def age(self) -> float:
        """Seconds since the gateway's container was started."""
        began = datetime.fromisoformat(self.facts()["State"]["StartedAt"][:19] + "+00:00")
        return (datetime.now(UTC) - began).total_seconds()

    def lose_the_volume(self) -> None:
        self.compose("rm", "--stop", "--force", NAME)
        _run(["docker", "volume", "rm", f"{self.directory.name}_state"])

    def jobs(self) -> list[str]:
        argv = ("exec", "-T", "demo_cluster", "sh", "-c", _SQUEUE)
        return self.compose(*argv, check=False).split()

    # -- the gateway ----------------------------------------------------------------

    def answers(self, path: str) -> bool:
        try:
            return self.client.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def info(self) -> dict[str, Any]:
        """Nothing while it does not answer."""
        try:
            answer = self.client.get("/info", timeout=5)
        except httpx.TransportError:
            return {}
        return dict(answer.json()) if answer.status_code == 200 else {}

    def state(self, route: str) -> str:
        services = self.info().get("services", [])
        return next((s["state"] for s in services if s["route_name"] == route), "")

    def wait_until_served(self, route: str = "probe", seconds: float = 60) -> None:
        wait_for(f"{route} is served", lambda: self.state(route), seconds, 0.2)

    def wait_for_problem(self) -> str:
        def look() -> str:
            error = self.info().get("config_error")
            return str(error["text"]) if error else ""

        return wait_for("a problem is reported", look, 30, 0.2)


_SQUEUE = "SLURM_CONF=/run/io-demo/etc/slurm.conf squeue --noheader --format=%i"


def _run(argv: list[str], *, check: bool = True, cwd: Path | None = None) -> str:
    ours = ("NGINX_PORT", "ADMIN_TOKEN", "COMPOSE_PROFILES", "STATE_DIR")
    environment = {key: value for key, value in os.environ.items() if key not in ours}
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=800,
        check=False,
    )
    assert not check or done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout[-4000:]}"
    return done.stdout
