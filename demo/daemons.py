"""Which daemons a cluster consists of, and how one is started."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from demo import machine, processes
from demo.processes import Table
from demo.spec import DemoError, Spec


@dataclass(frozen=True)
class Daemon:
    name: str
    host: str  # "" if it belongs to no host
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
    # --force: start over after a kill -9, and below a world-writable directory.
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
    """Start it unless it is running."""
    if table.get(daemon.name):
        return False
    log = spec.directory / "log" / f"{daemon.name}.out"
    argv = inside(spec, table, daemon.host, daemon.argv)
    table.put(daemon.name, processes.spawn(argv, log, environment(spec)))
    return True
