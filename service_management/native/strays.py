"""Processes of ours that no supervisor looks after any more, because it was killed."""

from __future__ import annotations

import signal

from service_management.gateway.nginx import Nginx
from service_management.gateway.processes import is_here, parent, title
from service_management.host import ports
from service_management.host.layout import control_socket
from service_management.native import supervisor
from service_management.settings import Settings


def find(chosen: Settings, nginx: Nginx) -> dict[int, signal.Signals]:
    """Process → the signal that ends it politely. Who is looked after belongs to another gateway,
    or another nginx, at our port."""
    control = {
        process.pid: signal.SIGTERM
        for process in _control_planes(chosen)
        if supervisor.CONTROL[-1] in process.command
        and not _is_below(process.pid, supervisor.CONFIG)
    }
    master = nginx.master.pid()
    orphans = {
        process.pid: signal.SIGTERM
        for process in _holders(chosen.listen_port)
        if process.command.startswith("nginx: worker")
        and not _is_below(process.pid, "nginx: master")
    }
    return control | ({master: signal.SIGQUIT} if master else {}) | orphans


def _control_planes(chosen: Settings) -> list[ports.Process]:
    """At the port too: one that an older version left has no socket."""
    found = [*ports.socket_holders(control_socket(chosen)), *ports.holders(chosen.flask_port)]
    return [process for process in found if is_here(process.pid)]


def _holders(port: int) -> list[ports.Process]:
    return [process for process in ports.holders(port) if is_here(process.pid)]


def _is_below(pid: int, mark: str) -> bool:
    """gunicorn's worker is its supervisor's grandchild; nginx's, its master's child."""
    above = parent(pid)
    return mark in title(above) or mark in title(parent(above))
