"""Processes of ours that no supervisor looks after any more, because it was killed."""

from __future__ import annotations

import signal
from pathlib import Path

from service_management.gateway.nginx import Nginx
from service_management.gateway.processes import is_here
from service_management.host import ports
from service_management.native import supervisor
from service_management.settings import Settings


def find(chosen: Settings, nginx: Nginx) -> dict[int, signal.Signals]:
    """Process → the signal that ends it politely. Another nginx at our port is not ours."""
    control = {
        process.pid: signal.SIGTERM
        for process in _holders(chosen.flask_port)
        if supervisor.CONTROL[-1] in process.command
    }
    master = nginx.master.pid()
    orphans = {
        process.pid: signal.SIGTERM
        for process in _holders(chosen.listen_port)
        if process.command.startswith("nginx: worker") and not _has_master(process.pid)
    }
    return control | ({master: signal.SIGQUIT} if master else {}) | orphans


def _holders(port: int) -> list[ports.Process]:
    return [process for process in ports.holders(port) if is_here(process.pid)]


def _has_master(pid: int) -> bool:
    """Workers go on, and keep their port, when their master is killed."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        parent = stat.rpartition(")")[2].split()[1]
        return b"nginx: master" in Path(f"/proc/{parent}/cmdline").read_bytes()
    except OSError:
        return True  # gone just now, or not ours to look at
