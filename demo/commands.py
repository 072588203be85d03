"""Commands on the login host, and whether the daemons answer them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from demo import machine
from demo.daemons import inside
from demo.processes import Table
from demo.spec import DemoError, Spec


def ssh_answers(spec: Spec) -> bool:
    try:
        with socket.create_connection((spec.login.ssh_address, spec.login.ssh_port), 2) as client:
            return client.recv(4) == b"SSH-"
    except OSError:
        return False


def slurmctld_answers(spec: Spec, table: Table) -> bool:
    try:
        run_as_root(spec, table, ["squeue", "--noheader"], 5)
    except DemoError:
        return False
    return True


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
