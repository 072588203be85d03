"""What may happen to a gateway in service. Each returns once it is over."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.stack.installation import raise_version
from tests.stack.nginx import accepting, master
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


@dataclass
class Serving:
    """A stack with ready services, and with what it was configured."""

    stack: Stack
    routes: list[str]
    entries: list[dict[str, Any]]


def serve(stack: Stack, routes: list[str]) -> Serving:
    # One connection: more would be opened for the streams, and the sockets compared would differ.
    entries = [stack.entry(route, ssh_connections=1) for route in routes]
    serving = Serving(stack, routes, entries)
    stack.configure(*serving.entries)
    for route in routes:
        assert stack.client.get(f"/{route}/echo").status_code == 200
    return serving


def kill_the_control_plane(serving: Serving) -> None:
    """kill -9 of gunicorn's arbiter and worker at once."""
    stack, before = serving.stack, serving.stack.control_pids()
    stack.kill_control_plane()
    wait_for("another one runs", lambda: _all_other(stack, before), 30)
    stack.wait_until_alive()


def restart_the_control_plane(serving: Serving) -> None:
    """As an operator does, with nothing new to start."""
    stack, before = serving.stack, serving.stack.control_pids()
    stack.orchestrator("upgrade")
    assert _all_other(stack, before)


def upgrade_the_control_plane(serving: Serving) -> None:
    """Another version of the package comes into the place of the one that runs."""
    stack = serving.stack
    version = raise_version(stack.root)
    said = stack.orchestrator("upgrade").stdout
    assert f"the control plane is version {version}" in said
    assert stack.client.get("/healthz").json()["version"] == version


def edit_the_configuration(serving: Serving) -> None:
    """One service more, and another timeout for the first."""
    stack, first = serving.stack, serving.entries[0]
    first["timeout"] += 1
    route = f"new{first['timeout']}"
    serving.entries.append(stack.entry(route))
    stack.configure(*serving.entries)
    wait_for("the timeout", lambda: stack.info(first["name"])["timeout"] == first["timeout"], 20)
    assert stack.state(route) == "cold"


def reload_nginx(serving: Serving) -> None:
    """By hand, with nothing new to read."""
    stack, before = serving.stack, accepting(serving.stack)
    os.kill(master(stack), signal.SIGHUP)
    wait_for("new workers", lambda: (new := accepting(stack)) and not new & before, 20)


def _all_other(stack: Stack, before: list[int]) -> bool:
    now = stack.control_pids()
    return len(now) >= 2 and not {*now} & {*before}


INCIDENTS: list[Callable[[Serving], None]] = [
    kill_the_control_plane,
    restart_the_control_plane,
    upgrade_the_control_plane,
    edit_the_configuration,
    reload_nginx,
]
