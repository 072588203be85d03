"""The commands that run the gateway on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from service_management import __version__, settings
from service_management.cli.terminal import say
from service_management.host import logs as log_lines
from service_management.native.env_file import make_secrets
from service_management.native.run import Native
from service_management.settings import ROOT, Settings


def up() -> None:
    """Run nginx and the control plane on this machine, under a supervisor."""
    for change in make_secrets(ROOT / ".env", ROOT / ".env_template", os.environ):
        say(f".env: {change}")
    chosen = _native()
    Native(chosen, say).up({**os.environ, "NGINX_LISTEN_PORT": str(chosen.listen_port)})


def run(
    also: Annotated[
        Path | None, typer.Option(help="More programs, as supervisord's configuration.")
    ] = None,
) -> None:
    """The same as `up` in the foreground: for containers and systemd."""
    changes = make_secrets((ROOT / ".env").resolve(), ROOT / ".env_template", os.environ)
    chosen = _native()
    tell = log_lines.voice(chosen.log_format, say)
    for change in changes:
        tell(f".env: {change}")
    Native(chosen, tell).run({**os.environ, "NGINX_LISTEN_PORT": str(chosen.listen_port)}, also)


def down(
    keep_jobs: Annotated[
        bool, typer.Option("--keep-jobs", help="Leave jobs running; `up` adopts them.")
    ] = False,
) -> None:
    """Cancel all jobs, then stop nginx, the control plane and its SSH connections."""
    Native(_native(), say).down(keep_jobs=keep_jobs)
    say("stopped")


def upgrade() -> None:
    """Start the control plane anew, as installed now; requests, tunnels and jobs go on."""
    Native(_native(), say).upgrade()
    say(f"the control plane is version {__version__}")


def reload() -> None:
    """Have nginx take up a renewed certificate; requests go on."""
    Native(_native(), say).reload()
    say("nginx has read its certificate anew")


def _native() -> Settings:
    """On this machine nginx listens where clients reach it; only a container has two ports."""
    port = settings.read().nginx_port
    return settings.read({**os.environ, "NGINX_LISTEN_PORT": str(port)})
