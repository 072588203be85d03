"""The native run: a process supervisor (supervisord) keeps nginx and the control plane running."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from service_management import layout
from service_management.cluster.openssh import OpenSshBackend
from service_management.gateway.nginx import Nginx
from service_management.settings import ROOT, Settings

Say = Callable[[str], None]
START_SECONDS, STOP_SECONDS = 60.0, 60.0
_SECRETS: dict[str, Callable[[], str]] = {
    "ADMIN_TOKEN": lambda: secrets.token_urlsafe(32),
    "ORCHESTRATOR_ID": lambda: f"io-{secrets.token_hex(3)}",
}


class NativeError(Exception):
    """Something a person has to do; the text says what."""


def make_secrets(env_file: Path, template: Path) -> list[str]:
    """`.env` from its template, with the values that must not be the same everywhere."""
    text = env_file.read_text() if env_file.exists() else template.read_text()
    made = []
    for name, make in _SECRETS.items():
        lines = text.splitlines()
        if any(line.startswith(f"{name}=") and line != f"{name}=" for line in lines):
            continue
        text = (
            "\n".join([line for line in lines if line != f"{name}="] + [f"{name}={make()}"]) + "\n"
        )
        made.append(name)
    if made or not env_file.exists():
        _write_private(env_file, text)
    return made


def _write_private(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


class Native:
    def __init__(self, chosen: Settings) -> None:
        self.chosen = chosen
        self.nginx = Nginx(layout.gateway_settings(chosen))
        self._pid_file = chosen.run_dir / "supervisord.pid"
        self._config = chosen.run_dir / "supervisord.conf"
        self._log_dir = chosen.state_dir / "log"

    def running(self) -> bool:
        return layout.pid_of(self._pid_file) is not None

    def up(self, say: Say) -> None:
        if self.running():
            say("the gateway is already running")
        else:
            self._start(say)
        self._wait_until_healthy(say)

    def down(self, say: Say) -> None:
        """Everything of ours on this machine; jobs on clusters go on unless stopped before."""
        pid = layout.pid_of(self._pid_file)
        if pid is not None:
            say("stopping nginx and the control plane")
            os.kill(pid, 15)
            _wait(lambda: layout.pid_of(self._pid_file) is None, STOP_SECONDS)
        OpenSshBackend(self.chosen.run_dir, self.chosen.state_dir).close_all()
        layout.remove_run_dir(self.chosen)

    def stop_jobs(self, say: Say) -> None:
        """Cancel what runs, and wait until Slurm says that it is gone."""
        busy = self._busy()
        for route in busy:
            say(f"cancelling the job of {route}")
            self._admin(f"{route}/stop?now=1")
        if not _wait(lambda: not self._busy(), STOP_SECONDS):
            raise NativeError(
                f"still running on the cluster after {STOP_SECONDS:.0f} s: "
                f"{', '.join(self._busy())}. Look with squeue, cancel with scancel."
            )

    def _busy(self) -> list[str]:
        try:
            info = requests.get(f"{self._flask()}/info", timeout=5).json()
        except requests.RequestException:
            return []
        return [s["route_name"] for s in info["services"] if s["replicas"]]

    def _admin(self, path: str) -> None:
        headers = {"Authorization": f"Bearer {self.chosen.admin_token}"}
        requests.post(f"{self._flask()}/admin/services/{path}", headers=headers, timeout=10)

    def _flask(self) -> str:
        return f"http://127.0.0.1:{self.chosen.flask_port}"

    def _start(self, say: Say) -> None:
        layout.prepare(self.chosen)
        self._log_dir.mkdir(parents=True, exist_ok=True)
        self.nginx.ensure_config()
        self._config.write_text(self._supervisord_conf())
        say("starting nginx and the control plane")
        subprocess.run([_tool("supervisord"), "-c", str(self._config)], check=True, cwd=ROOT)

    def _wait_until_healthy(self, say: Say) -> None:
        started = time.monotonic()
        while not self._healthy():
            if time.monotonic() - started > START_SECONDS:
                raise NativeError(
                    f"not healthy after {START_SECONDS:.0f} s; its logs are in {self._log_dir}:\n"
                    + _tail(self._log_dir / "control.log")
                    + _tail(self._log_dir / "nginx.log")
                )
            time.sleep(0.1)
        say(f"the gateway answers at http://127.0.0.1:{self.chosen.listen_port}/")

    def _healthy(self) -> bool:
        try:
            url = f"http://127.0.0.1:{self.chosen.listen_port}"
            alive = all(requests.get(url + p, timeout=2).ok for p in ("/healthz", "/healthz/nginx"))
            info = requests.get(f"{url}/info", timeout=2).json()
        except (requests.RequestException, ValueError):
            return False
        return alive and bool(info["config_version"] or info["config_error"])

    def _supervisord_conf(self) -> str:
        nginx = " ".join(_quoted(word) for word in self.nginx.argv())
        control = (
            f"{_quoted(sys.executable)} -m gunicorn -c python:service_management.gunicorn_conf "
            "service_management.app:create()"
        )
        return (
            f"[supervisord]\nlogfile={self._log_dir}/supervisord.log\nlogfile_maxbytes=1MB\n"
            f"pidfile={self._pid_file}\nchildlogdir={self._log_dir}\n"
            + self._program("nginx", nginx, stop_signal="QUIT", stop_seconds=5)
            + self._program("control", control, stop_signal="TERM", stop_seconds=10)
        )

    def _program(self, name: str, command: str, stop_signal: str, stop_seconds: int) -> str:
        # A program that keeps failing is started again for ever: an outage may last.
        return (
            f"\n[program:{name}]\ncommand={command.replace('%', '%%')}\ndirectory={ROOT}\n"
            f"autorestart=true\nstartretries=1000000\nstartsecs=1\n"
            f"stopsignal={stop_signal}\nstopwaitsecs={stop_seconds}\nstopasgroup=false\n"
            f"killasgroup=true\nredirect_stderr=true\nstdout_logfile={self._log_dir}/{name}.log\n"
            f"stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
        )


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _tail(file: Path, lines: int = 10) -> str:
    try:
        text = file.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return ""
    return f"--- {file.name}\n" + "".join(f"{line}\n" for line in text)


def _wait(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
