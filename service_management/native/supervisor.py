"""supervisord keeps nginx and the control plane running: its configuration, its start, and a
fresh start of the control plane alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from service_management.settings import ROOT, Settings

CONTROL = (
    *("-m", "gunicorn", "-c", "python:service_management.gunicorn_conf"),
    "service_management.app:create()",
)


def pid_file(chosen: Settings) -> Path:
    return chosen.run_dir / "supervisord.pid"


def config_file(chosen: Settings) -> Path:
    return chosen.run_dir / "supervisord.conf"


def log_dir(chosen: Settings) -> Path:
    return chosen.state_dir / "log"


def config(chosen: Settings, nginx: Sequence[str]) -> str:
    logs = log_dir(chosen)
    return (
        f"[supervisord]\nlogfile={_value(logs / 'supervisord.log')}\nlogfile_maxbytes=1MB\n"
        f"pidfile={_value(pid_file(chosen))}\nchildlogdir={_value(logs)}\n"
        + _remote_control(chosen.run_dir / "supervisord.sock")
        + _program("nginx", nginx, logs, stop_signal="QUIT", stop_seconds=5)
        + _program("control", (sys.executable, *CONTROL), logs, stop_signal="TERM", stop_seconds=10)
    )


def start(file: Path, environment: Mapping[str, str]) -> str:
    """Returns once it runs in the background; what it said where it did not start."""
    argv = [str(Path(sys.executable).with_name("supervisord")), "-c", str(file)]
    done = subprocess.run(
        argv, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    said = (done.stderr or done.stdout).strip()
    return (said or f"exit code {done.returncode}") if done.returncode else ""


def renew(chosen: Settings) -> str:
    """The control plane anew, as its part of the configuration is now, and nginx left alone.
    Returns once the old one has ended; what supervisord said where it did not."""
    before, said = _control(chosen, "pid", "control"), _control(chosen, "update", "control")
    if "updated process group" not in said:
        said += _control(chosen, "restart", "control")
    return said if before == _control(chosen, "pid", "control") else ""


def _control(chosen: Settings, *words: str) -> str:
    argv = [str(Path(sys.executable).with_name("supervisorctl")), "-c", str(config_file(chosen))]
    done = subprocess.run(
        [*argv, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _remote_control(socket: Path) -> str:
    """Who may open the socket may do anything that supervisord may: its owner only."""
    return (
        f"\n[unix_http_server]\nfile={_value(socket)}\nchmod=0700\n"
        f"\n[supervisorctl]\nserverurl=unix://{_value(socket)}\n"
        "\n[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
    )


def _program(
    name: str, argv: Sequence[str], logs: Path, *, stop_signal: str, stop_seconds: int
) -> str:
    # A program that keeps failing is started again for ever: an outage may last.
    return (
        f"\n[program:{name}]\ncommand={_value(' '.join(map(_quoted, argv)))}\n"
        f"directory={_value(ROOT)}\nautorestart=true\nstartretries=1000000\nstartsecs=1\n"
        f"stopsignal={stop_signal}\nstopwaitsecs={stop_seconds}\nstopasgroup=false\n"
        f"killasgroup=true\nredirect_stderr=true\nstdout_logfile={_value(logs / f'{name}.log')}\n"
        f"stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
    )


def _value(text: object) -> str:
    """supervisord expands %(...)s everywhere."""
    return str(text).replace("%", "%%")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word or ";" in word else word
