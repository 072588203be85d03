"""The gateway's login: network, host key, authentication and shell are checked apart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from service_management.clean_text import LONGEST_WORD, one_line
from service_management.cli.check_report import Report
from service_management.host import layout
from service_management.native.waiting import NativeError
from service_management.settings import Settings
from service_management.slurm.client import TIMEOUT
from service_management.slurm.shell import find_slurm
from service_management.ssh.backends import make_backend
from service_management.ssh.connection import Connection, Result
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.openssh.ssh_config import LoginFiles
from service_management.ssh.unix_sockets import has_listener

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol")
NETWORK, HOST_KEY, LOGIN, SHELL, SLURM = "network", "host key", "login", "shell", "slurm"
_STEPS = (NETWORK, HOST_KEY, LOGIN, SHELL)
# Where a login that failed has come to.
_FAILED_AT = {
    SshProblem.UNREACHABLE: NETWORK,
    SshProblem.REFUSED: NETWORK,
    SshProblem.HOST_KEY_CHANGED: HOST_KEY,
    SshProblem.HOST_KEY_UNKNOWN: HOST_KEY,
    SshProblem.AUTH: LOGIN,
    SshProblem.TIMEOUT: LOGIN,
    SshProblem.MASTER_LOST: LOGIN,
    SshProblem.BUSY: SHELL,
    SshProblem.COMMAND: SHELL,
    SshProblem.OUTPUT: SHELL,
}
_LOOK = f"""{find_slurm()}
echo "$(id -un) on $(hostname)"
for name in {" ".join(COMMANDS)}; do
    command -v "$name" >/dev/null 2>&1 || echo "missing $name"
done
sbatch --version 2>/dev/null
true"""


@contextmanager
def gateway_connection(
    chosen: Settings, login: Login, *, up: bool
) -> Iterator[tuple[Connection, bool]]:
    """The gateway's own connection, also where the gateway does not run: an operator may have
    opened it by hand, for a second factor. And whether it was open before."""
    run_dir = chosen.run_dir
    fresh = not run_dir.exists()
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if run_dir.stat().st_uid != os.geteuid():
        raise NativeError(f"{run_dir} belongs to another user: run this as the gateway's user")
    logged_in = has_listener(LoginFiles.of(login, run_dir, chosen.state_dir).control)
    mask = layout.socket_mask(chosen)
    backend = make_backend(chosen.ssh_backend, run_dir, chosen.state_dir, mask)
    connection = backend.connection(login)
    try:
        yield connection, logged_in
    finally:
        if not logged_in and (not up or chosen.ssh_backend == "paramiko"):
            connection.close()  # with OpenSSH a running gateway may use it by now
        if fresh and {path.name for path in run_dir.iterdir()} <= {"ssh", "tunnels"}:
            shutil.rmtree(run_dir, ignore_errors=True)


def check_login(report: Report, connection: Connection, *, logged_in: bool) -> bool:
    """`logged_in`: by the gateway, before this check."""
    try:
        result = connection.run(_LOOK, TIMEOUT)
    except SshError as error:
        _report_failure(report, connection.login, error, logged_in=logged_in)
        return False
    if logged_in:
        report.ok(LOGIN, f"the gateway is logged in as {connection.login}")
    else:
        _report_passed(report, connection.login, _STEPS[:3])
    return _report_shell(report, result)


def _report_failure(report: Report, login: Login, error: SshError, *, logged_in: bool) -> None:
    step = _FAILED_AT.get(error.problem, LOGIN)
    if not logged_in:
        _report_passed(report, login, _STEPS[: _STEPS.index(step)])
    report.fail(step, error.text)


def _report_passed(report: Report, login: Login, steps: tuple[str, ...]) -> None:
    way = f" through {login.proxy_jump}" if login.proxy_jump else ""
    pinned = login.known_hosts_file
    texts = {
        NETWORK: f"{login.host} answers on port {login.port}{way}",
        HOST_KEY: f"it is the one in {pinned}" if pinned else "it is the one of the first contact",
        LOGIN: f"{login.username} may log in with {login.key_file}",
    }
    for step in steps:
        if step in texts:
            report.ok(step, texts[step])


def _report_shell(report: Report, result: Result) -> bool:
    who, *rest = [one_line(line, LONGEST_WORD) for line in result.stdout.splitlines()] or [""]
    report.ok(SHELL, f"runs commands: {who}")
    missing = [line.removeprefix("missing ") for line in rest if line.startswith("missing ")]
    if missing:
        report.fail(
            SLURM,
            f"{', '.join(missing)} not found on the PATH of non-interactive logins",
            "set PATH in ~/.bashrc there, before its check for interactive shells, or ask the "
            "cluster's admin",
        )
        return False
    version = rest[-1] if rest else "its version is unknown"
    report.ok(SLURM, f"{', '.join(COMMANDS)}: {version}")
    return True
