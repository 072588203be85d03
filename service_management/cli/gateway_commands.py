"""The commands that run the gateway on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from pwd import struct_passwd
from types import FrameType
from typing import Annotated

import typer

from service_management import __version__, settings
from service_management.catalogue_source import read_catalogue
from service_management.cli.terminal import say
from service_management.config import Catalogue
from service_management.host import gateway_user
from service_management.host import logs as log_lines
from service_management.native import supervisor
from service_management.native.env_file import make_secrets
from service_management.native.run import Native
from service_management.native.waiting import Say
from service_management.settings import ROOT, Settings
from service_management.ssh.login import Login


def up() -> None:
    """Run nginx and the control plane, under a supervisor."""
    env_file = ROOT / ".env"
    for change in make_secrets(env_file, ROOT / ".env_template", os.environ):
        say(f".env: {change}")
    chosen = _settings()
    user = _choose_user(chosen, env_file, say)
    if user is not None:
        _finish_as(user, chosen, ["up"])
    Native(chosen, say).up({**os.environ, "NGINX_LISTEN_PORT": str(chosen.listen_port)})


def run(
    also: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Further programs, as supervisord's configuration."),
    ] = None,
) -> None:
    """Like `up`, but in the foreground. Containers and systemd use it."""
    env_file = (ROOT / ".env").resolve()
    changes = make_secrets(env_file, ROOT / ".env_template", os.environ)
    chosen = _settings()
    tell = log_lines.voice(chosen.log_format, say)
    for change in changes:
        tell(f".env: {change}")
    user = _choose_user(chosen, env_file, tell)
    if user is not None:
        words = ["run", *(["--also", str(also)] if also else [])]
        argv, environment = gateway_user.command(user, chosen, words)
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - no shell
    Native(chosen, tell).run({**os.environ, "NGINX_LISTEN_PORT": str(chosen.listen_port)}, also)


def down(
    keep_jobs: Annotated[
        bool, typer.Option("--keep-jobs", help="Leave jobs running; the next `up` adopts them.")
    ] = False,
) -> None:
    """Cancel all jobs, then stop the gateway. Its SSH connections end too."""
    chosen = as_owner("down", *(["--keep-jobs"] if keep_jobs else []))
    Native(chosen, say).down(keep_jobs=keep_jobs)
    say("stopped")


def upgrade() -> None:
    """Restart the control plane with the installed code. Requests, tunnels and jobs continue."""
    Native(as_owner("upgrade"), say).upgrade()
    say(f"the control plane is version {__version__}")


def reload() -> None:
    """Have nginx load a renewed certificate. Requests continue."""
    chosen = as_owner("reload")
    Native(chosen, say).reload()
    what = "its certificate" if chosen.tls_cert else "its configuration"
    say(f"nginx has reloaded {what}")


def _settings() -> Settings:
    """Outside a container nginx listens at the port that clients use."""
    port = settings.read().nginx_port
    return settings.read({**os.environ, "NGINX_LISTEN_PORT": str(port)})


def _choose_user(chosen: Settings, env_file: Path, tell: Say) -> struct_passwd | None:
    """None: continue as this user. Otherwise everything is ready to continue as the other user."""
    if os.geteuid() != 0:
        return None
    native = Native(chosen, tell)
    if native.running():
        return gateway_user.owner(chosen, supervisor.running_pid(chosen))
    choice = gateway_user.choose(chosen, _files_needed(chosen))
    if choice.warning:
        tell(choice.warning)
    native.end_processes()  # left behind by a killed supervisor; root may end anybody's
    gateway_user.hand_over(chosen, choice.user, env_file)
    return choice.user


def _files_needed(chosen: Settings) -> list[Path]:
    """The keys of a valid configuration, and the certificate."""
    found = read_catalogue(chosen)
    services = found.services.values() if isinstance(found, Catalogue) else []
    keys = {Path(Login.from_service(service, chosen.key_dir).key_file) for service in services}
    return [*keys, *(file for file in (chosen.tls_cert, chosen.tls_key) if file)]


def as_owner(*words: str) -> Settings:
    """Root's command continues as the user whose gateway it is."""
    chosen = _settings()
    running = supervisor.running_pid(chosen)
    user = gateway_user.owner(chosen, running) if os.geteuid() == 0 else None
    if user is not None:
        _finish_as(user, chosen, words)
    return chosen


def _finish_as(user: struct_passwd, chosen: Settings, words: Sequence[str]) -> None:
    """Run the command as the user, and end as it does."""
    argv, environment = gateway_user.command(user, chosen, words)
    process = subprocess.Popen(argv, env=environment)

    def forward(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    # A terminal's Ctrl-C has reached the process by itself; a second one would end its cleanup.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, forward)
    code = process.wait()
    # What it could not remove: directories of its own in a directory of root's.
    for directory in (chosen.run_dir, chosen.spool_dir):
        with suppress(OSError):
            directory.rmdir()
    sys.exit(code if code >= 0 else 128 - code)
