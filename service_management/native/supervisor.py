"""supervisord keeps nginx and the control plane running: its configuration, its start, and a
fresh start of the control plane alone."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from service_management.settings import ROOT, Settings

CONTROL = (
    *("-m", "gunicorn", "-c", "python:service_management.gunicorn_conf"),
    "service_management.app:create()",
)
CONFIG = "supervisord.conf"  # in the command line of every supervisor of ours
# supervisord opens it itself: a pipe has no size to rotate at.
_STDOUT = "stdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0\n"
STREAM_SECONDS = 30


def pid_file(chosen: Settings) -> Path:
    return chosen.run_dir / "supervisord.pid"


def config_file(chosen: Settings) -> Path:
    return chosen.run_dir / CONFIG


def log_dir(chosen: Settings) -> Path:
    return chosen.state_dir / "log"


def config(chosen: Settings, nginx: Sequence[str]) -> str:
    """In the background, with log files of its own."""
    logs = log_dir(chosen)
    return _config(
        f"logfile={_value(logs / 'supervisord.log')}\nlogfile_maxbytes=1MB\n",
        chosen,
        _program("nginx", nginx, _log_file(logs, "nginx"), "QUIT", 5),
        _program("control", (sys.executable, *CONTROL), _log_file(logs, "control"), "TERM", 10),
    )


def foreground_config(chosen: Settings, nginx: Sequence[str], also: Path | None) -> str:
    """For a container or systemd: everything is said on standard output, and who stops it has
    told by that how long streams may take. `also` has more programs."""
    return _config(
        "nodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n",
        chosen,
        _program("nginx", nginx, _STDOUT, "QUIT", STREAM_SECONDS),
        _program("control", (sys.executable, *CONTROL), _STDOUT, "TERM", 10),
        f"\n[include]\nfiles={_value(also)}\n" if also else "",
    )


def _config(own_log: str, chosen: Settings, *sections: str) -> str:
    return (
        f"[supervisord]\n{own_log}pidfile={_value(pid_file(chosen))}\n"
        f"childlogdir={_value(log_dir(chosen))}\n"
        + _remote_control(chosen.run_dir / "supervisord.sock")
        + "".join(sections)
    )


def start(file: Path, environment: Mapping[str, str]) -> str:
    """Returns once it runs in the background; what it said where it did not start."""
    # As a module: then it finds what the configuration names of ours, wherever that is.
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)]
    done = subprocess.run(
        argv, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    said = (done.stderr or done.stdout).strip()
    return (said or f"exit code {done.returncode}") if done.returncode else ""


def in_foreground(chosen: Settings) -> bool:
    """It belongs to whoever started it: a container, systemd."""
    file = config_file(chosen)
    return file.exists() and "\nnodaemon=true\n" in file.read_text()


def become(chosen: Settings, environment: Mapping[str, str]) -> NoReturn:
    """This process is supervisord from now on."""
    if stat.S_ISSOCK(os.fstat(1).st_mode):
        _through_a_pipe()
    json = chosen.log_format == "json"
    module = "service_management.native.json_supervisor" if json else "supervisor.supervisord"
    argv = [sys.executable, "-m", module, "-c", str(config_file(chosen))]
    os.chdir(ROOT)
    os.execve(argv[0], argv, dict(environment))  # noqa: S606 - no shell


def _through_a_pipe() -> None:
    """supervisord opens its standard output by name, and no socket, as the journal's, can be
    opened so. `cat` ends with the last one that writes."""
    out, into = os.pipe()
    subprocess.Popen(["cat"], stdin=out)
    os.dup2(into, 1)


def stop_programs(chosen: Settings) -> None:
    """Both end, and the supervisor stays."""
    _control(chosen, "stop", "nginx", "control")


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
        "\n[rpcinterface:at_once]\n"
        "supervisor.rpcinterface_factory=service_management.native.at_once:make\n"
    )


def _log_file(logs: Path, name: str) -> str:
    return (
        f"stdout_logfile={_value(logs / f'{name}.log')}\n"
        "stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n"
    )


def _program(name: str, argv: Sequence[str], log: str, stop_signal: str, stop_seconds: int) -> str:
    # A program that keeps failing is started again for ever: an outage may last.
    return (
        f"\n[program:{name}]\ncommand={_value(shlex.join(argv))}\n"
        f"directory={_value(ROOT)}\nautorestart=true\nstartretries=1000000\nstartsecs=1\n"
        f"stopsignal={stop_signal}\nstopwaitsecs={stop_seconds}\nstopasgroup=false\n"
        f"killasgroup=true\nredirect_stderr=true\n{log}"
    )


def _value(text: object) -> str:
    """supervisord expands %(...)s everywhere."""
    return str(text).replace("%", "%%")
