"""Start what is missing of a cluster, and wait until it works."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from demo import commands, machine, processes
from demo.daemons import plan, start
from demo.processes import Table
from demo.spec import DemoError, Spec

Progress = Callable[[str], None]


def start_missing(spec: Spec, table: Table, progress: Progress) -> list[str]:
    machine.make_privsep_directory()
    started = []
    for daemon in plan(spec):
        if start(spec, table, daemon):
            started.append(daemon.name)
            progress(f"started {daemon.name}")
        if daemon.name == "munged":
            _await_munged(spec, table)
    return started


def _await_munged(spec: Spec, table: Table) -> None:
    path = spec.directory / "munge.socket"
    _await(spec, table, ("munged",), lambda: _connects(path))


def await_ready(spec: Spec, table: Table, seconds: float = 30) -> None:
    """Every daemon alive, slurmctld and sshd answering, every node registered with slurmctld."""
    names = [daemon.name for daemon in plan(spec)]
    _await(spec, table, names, lambda: commands.ssh_answers(spec), seconds)
    _await(spec, table, names, lambda: commands.nodes_answer(spec, table), seconds)


def _await(
    spec: Spec,
    table: Table,
    names: Sequence[str],
    ready: Callable[[], bool],
    seconds: float = 10,
) -> None:
    def dead() -> list[str]:
        return [name for name in names if table.get(name) is None]

    if not processes.wait_until(lambda: bool(dead()) or ready(), seconds):
        raise DemoError(f"not ready after {seconds:g} s: see the logs in {spec.directory}/log")
    if gone := dead():
        raise DemoError(f"{gone[0]} ended: {last_words(spec, gone[0])}")


def last_words(spec: Spec, name: str) -> str:
    log = spec.directory / "log" / f"{name}.out"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return " | ".join(lines[-5:]) or "it said nothing"


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
