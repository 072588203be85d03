"""supervisord keeps nginx and the control plane running: its configuration, its start, a restart of
the control plane alone, and the processes that a killed supervisord leaves behind."""

from __future__ import annotations

import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from service_management.gateway.nginx import Nginx
from service_management.gateway.process_table import (
    listeners,
    local_pids,
    parent,
    pid_in_file,
    socket_users,
    title,
)
from service_management.host.layout import control_socket
from service_management.settings import ROOT, Settings

CONTROL = (
    *("-m", "gunicorn", "-c", "python:service_management.gunicorn_conf"),
    "service_management.app:create()",
)
CONFIG = "supervisord.conf"  # the name by which a supervisor is found in the process table
# supervisord opens it by name. maxbytes=0: a pipe cannot be rotated.
_STDOUT = "stdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0\n"
STREAM_SECONDS = 30


def pid_file(chosen: Settings) -> Path:
    return chosen.run_dir / "supervisord.pid"


def running_pid(chosen: Settings) -> int | None:
    return pid_in_file(pid_file(chosen), "supervisord")


def config_file(chosen: Settings) -> Path:
    return chosen.run_dir / CONFIG


def log_dir(chosen: Settings) -> Path:
    return chosen.state_dir / "log"


def config(chosen: Settings, nginx: Sequence[str]) -> str:
    """Runs in the background and writes log files."""
    logs = log_dir(chosen)
    return _config(
        f"logfile={_value(logs / 'supervisord.log')}\nlogfile_maxbytes=1MB\n",
        chosen,
        _program("nginx", nginx, _log_file(logs, "nginx"), "QUIT", 5),
        _program("control", (sys.executable, *CONTROL), _log_file(logs, "control"), "TERM", 10),
    )


def foreground_config(chosen: Settings, nginx: Sequence[str], also: Path | None) -> str:
    """For a container or systemd: logs to standard output. Open streams get STREAM_SECONDS when it
    is stopped. `also` names a file with more programs."""
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
    """Returns once it runs in the background: empty, or its error message."""
    # As a module, so that it can import `at_once` from this checkout.
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(file)]
    done = subprocess.run(
        argv, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    said = (done.stderr or done.stdout).strip()
    return (said or f"exit code {done.returncode}") if done.returncode else ""


def in_foreground(chosen: Settings) -> bool:
    """A container or systemd started it, and has to end it."""
    file = config_file(chosen)
    return file.exists() and "\nnodaemon=true\n" in file.read_text()


def become(chosen: Settings, environment: Mapping[str, str]) -> NoReturn:
    """Replace this process by supervisord."""
    if stat.S_ISSOCK(os.fstat(1).st_mode):
        _through_a_pipe()
    json = chosen.log_format == "json"
    module = "service_management.native.json_supervisor" if json else "supervisor.supervisord"
    argv = [sys.executable, "-m", module, "-c", str(config_file(chosen))]
    os.chdir(ROOT)
    os.execve(argv[0], argv, dict(environment))  # noqa: S606 - no shell


def _through_a_pipe() -> None:
    """supervisord opens its standard output by name, which fails for a socket such as the
    journal's. `cat` copies a pipe to it, and ends with the pipe's last writer."""
    out, into = os.pipe()
    subprocess.Popen(["cat"], stdin=out)
    os.dup2(into, 1)


def stop_programs(chosen: Settings) -> None:
    """Stop nginx and the control plane; supervisord keeps running."""
    _control(chosen, "stop", "nginx", "control")


def restart_control_plane(chosen: Settings) -> str:
    """With the current configuration; nginx is not touched. Returns once the old process has
    ended: empty, or supervisord's error message."""
    before, output = _control(chosen, "pid", "control"), _control(chosen, "update", "control")
    if "updated process group" not in output:
        output += _control(chosen, "restart", "control")
    return output if before == _control(chosen, "pid", "control") else ""


def stray_processes(chosen: Settings, nginx: Nginx) -> dict[int, signal.Signals]:
    """Process → the signal that ends it in order. A process whose supervisor or nginx master is
    alive belongs to another gateway that uses the same port."""
    control = {
        pid: signal.SIGTERM
        for pid in _control_planes(chosen)
        if CONTROL[-1] in title(pid) and not _is_below(pid, CONFIG)
    }
    master = nginx.master.pid()
    orphans = {
        pid: signal.SIGTERM
        for pid in _local_listeners(chosen.listen_port)
        if title(pid).startswith("nginx: worker") and not _is_below(pid, "nginx: master")
    }
    return control | ({master: signal.SIGQUIT} if master else {}) | orphans


def _control_planes(chosen: Settings) -> set[int]:
    """By the port too: the control plane of an older version has no socket."""
    found = {*socket_users(control_socket(chosen)), *listeners(chosen.flask_port)}
    return found & set(local_pids())


def _local_listeners(port: int) -> set[int]:
    return set(listeners(port)) & set(local_pids())


def _is_below(pid: int, word: str) -> bool:
    """gunicorn's worker is a grandchild of supervisord; nginx's worker is a child of its master."""
    above = parent(pid)
    return word in title(above) or word in title(parent(above))


def _control(chosen: Settings, *words: str) -> str:
    argv = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config_file(chosen))]
    done = subprocess.run(
        [*argv, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _remote_control(socket: Path) -> str:
    """Only the owner may open the socket: it gives all of supervisord's rights."""
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
    # A program that keeps failing is restarted for ever: an outage may be long.
    return (
        f"\n[program:{name}]\ncommand={_value(shlex.join(argv))}\n"
        f"directory={_value(ROOT)}\nautorestart=true\nstartretries=1000000\nstartsecs=1\n"
        f"stopsignal={stop_signal}\nstopwaitsecs={stop_seconds}\nstopasgroup=false\n"
        f"killasgroup=true\nredirect_stderr=true\n{log}"
    )


def _value(text: object) -> str:
    """supervisord expands %(...)s in every value."""
    return str(text).replace("%", "%%")
