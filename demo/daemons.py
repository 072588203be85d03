"""Which daemons a cluster consists of, and how they are started and known to be ready."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo import machine, processes
from demo.processes import Table
from demo.spec import DemoError, Spec

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Daemon:
    name: str
    host: str  # "" for what belongs to no host
    argv: tuple[str, ...]


def plan(spec: Spec) -> list[Daemon]:
    """Everything that should run, in the order in which it is started."""
    nodes = [node.name for node in spec.nodes]
    ssh_hosts = [spec.login.name] if spec.shape == "host" else list(spec.host_names)
    return [
        munged(spec),
        slurmctld(spec),
        *(slurmd(spec, name) for name in nodes),
        *(sshd(spec, name) for name in ssh_hosts),
    ]


def munged(spec: Spec) -> Daemon:
    """One for all hosts: they share the file system, so they share its socket."""
    below = {
        "socket": "munge.socket",
        "key-file": "etc/munge.key",
        "seed-file": "munge.seed",
        "pid-file": "munged.pid",
        "log-file": "log/munged.log",
    }
    options = [f"--{option}={spec.directory / name}" for option, name in below.items()]
    # --force: start over after a kill -9, and where a parent directory is everybody's.
    return Daemon("munged", "", ("munged", "--foreground", "--force", *options))


def slurmctld(spec: Spec) -> Daemon:
    argv = ("slurmctld", "-D", "-f", str(spec.slurm_conf))
    return Daemon("slurmctld", spec.login.name, argv)


def slurmd(spec: Spec, node: str) -> Daemon:
    argv = ("slurmd", "-D", "-N", node, "-f", str(spec.slurm_conf))
    host = spec.login.name if spec.shape == "host" else node
    return Daemon(f"slurmd.{node}", host, argv)


def sshd(spec: Spec, host: str) -> Daemon:
    config = spec.directory / "etc" / f"sshd_config.{host}"
    program = machine.find("sshd") or "/usr/sbin/sshd"  # it executes itself: a full path
    return Daemon(f"sshd.{host}", host, (program, "-D", "-e", "-f", str(config)))


def inside(spec: Spec, table: Table, host: str, argv: Sequence[str]) -> list[str]:
    """The command, to be run on that host of the cluster."""
    if spec.shape == "host" or not host:
        return list(argv)
    holder = table.get(f"holder.{host}")
    if holder is None:
        raise DemoError(f"host {host} of the cluster in {spec.directory} is gone: run `up` again")
    return ["nsenter", f"--target={holder.pid}", "--net", "--uts", "--mount", *argv]


def environment(spec: Spec) -> dict[str, str]:
    return {"SLURM_CONF": str(spec.slurm_conf)}


def start(spec: Spec, table: Table, daemon: Daemon) -> bool:
    """Start it unless it runs."""
    if table.get(daemon.name):
        return False
    log = spec.directory / "log" / f"{daemon.name}.out"
    argv = inside(spec, table, daemon.host, daemon.argv)
    table.put(daemon.name, processes.spawn(argv, log, environment(spec)))
    return True


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
    """Every daemon alive, slurmctld and sshd answering, every node in the controller's books."""
    names = [daemon.name for daemon in plan(spec)]
    _await(spec, table, names, lambda: ssh_answers(spec), seconds)
    _await(spec, table, names, lambda: nodes_answer(spec, table), seconds)


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


def ssh_answers(spec: Spec) -> bool:
    try:
        with socket.create_connection((spec.login.ssh_address, spec.login.ssh_port), 2) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False


def nodes_answer(spec: Spec, table: Table) -> bool:
    return all(node_answers(spec, table, node.name) for node in spec.nodes)


def host_answers(spec: Spec, table: Table, host: str) -> bool:
    if host == spec.login.name:
        return ssh_answers(spec) and nodes_answer(spec, table)
    return node_answers(spec, table, host)


def node_answers(spec: Spec, table: Table, node: str) -> bool:
    """Neither down nor unknown to slurmctld; a drained or busy one is fine."""
    argv = ["sinfo", "--noheader", f"--nodes={node}", "--format=%T"]
    try:
        states = run_as_root(spec, table, argv, 5).split()
    except DemoError:
        return False
    bad = ("*", "down", "unknown")
    return bool(states) and not any(word in state for state in states for word in bad)


def run_as_root(spec: Spec, table: Table, argv: Sequence[str], timeout: float = 15) -> str:
    """A Slurm command on the login host."""
    command = inside(spec, table, spec.login.name, argv)
    return machine.run(command, timeout, {"SLURM_CONF": str(spec.slurm_conf)})


def run_as_user(spec: Spec, table: Table, command: str, timeout: float) -> str:
    """A shell command as the login user on the login host, with a login's environment."""
    settings = {
        "HOME": str(spec.home),
        "USER": spec.user,
        "LOGNAME": spec.user,
        "SHELL": "/bin/bash",
        "PATH": os.defpath + ":/usr/local/bin",
        "SLURM_CONF": str(spec.slurm_conf),
    }
    clean = [
        "env",
        "-i",
        "-C",
        str(spec.home),
        *(f"{key}={value}" for key, value in settings.items()),
    ]
    argv = ["runuser", "-u", spec.user, "--", *clean, "sh", "-c", command]
    return machine.run(inside(spec, table, spec.login.name, argv), timeout)
