"""What can happen to a host's link: cut, slow, and back again."""

from __future__ import annotations

import sys
from pathlib import Path

from demo import machine, network, processes
from demo.network import LOGIN, enter, holder
from demo.processes import Table
from demo.spec import DemoError, Spec


def port(host: str) -> tuple[str, str]:
    """The host's port in the login's namespace, and the bridge it belongs to."""
    return ("gw", "wan") if host == LOGIN else (host, "lan")


def set_link(spec: Spec, table: Table, host: str, *, up: bool) -> None:
    """Take the host's end of the link down: for the others its cable is dead."""
    device = "gw" if host == LOGIN else "eth0"
    enter(holder(table, host), "ip", "link", "set", device, "up" if up else "down")
    if up:
        _forget_neighbour(spec, table, host)


def _forget_neighbour(spec: Spec, table: Table, host: str) -> None:
    """Others that tried to reach the host meanwhile have cached that they cannot."""
    if host == LOGIN:
        machine.run(["ip", "neighbour", "flush", "dev", network.gateway_link(spec)])
        return
    for other in spec.host_names:
        device = "lan" if other == LOGIN else "eth0"
        enter(holder(table, other), "ip", "neighbour", "flush", "dev", device)


def slow(spec: Spec, table: Table, host: str, delay_ms: float, loss_pct: float) -> None:
    """Delay and loss in each direction: by netem, or by `delay_line` where the kernel lacks it."""
    holder(table, host)
    if _netem_exists(table):
        netem = ["netem", "delay", f"{delay_ms}ms", "loss", f"{loss_pct}%", "limit", "100000"]
        for end in _ends(spec, table, host):
            machine.run([*end[:-1], "tc", "qdisc", "replace", "dev", end[-1], "root", *netem])
    else:
        _start_delay_line(spec, table, host, delay_ms, loss_pct)


def undo_slow(spec: Spec, table: Table, host: str) -> None:
    line = table.get(f"delay.{host}")
    if line is not None:
        processes.end([line], grace=2)
    device, bridge = port(host)
    enter(holder(table, LOGIN), "ip", "link", "set", device, "master", bridge)
    for end in _ends(spec, table, host):
        if "netem" in machine.run([*end[:-1], "tc", "qdisc", "show", "dev", end[-1]]):
            machine.run([*end[:-1], "tc", "qdisc", "del", "dev", end[-1], "root"])


def _ends(spec: Spec, table: Table, host: str) -> list[list[str]]:
    """Both ends of the link: how to get into its namespace, and the device's name."""
    at_login = [*network.entering(holder(table, LOGIN)), port(host)[0]]
    if host == LOGIN:
        return [at_login, [network.gateway_link(spec)]]
    return [at_login, [*network.entering(holder(table, host)), "eth0"]]


def _netem_exists(table: Table) -> bool:
    try:
        enter(holder(table, LOGIN), "tc", "qdisc", "add", "dev", "lo", "root", "netem")
    except DemoError:
        return False
    enter(holder(table, LOGIN), "tc", "qdisc", "del", "dev", "lo", "root")
    return True


def _start_delay_line(
    spec: Spec, table: Table, host: str, delay_ms: float, loss_pct: float
) -> None:
    """The port leaves its bridge; a tap takes its place, and a process carries the frames."""
    login, (device, bridge), tap = holder(table, LOGIN), port(host), f"slow-{host}"
    program = str(Path(__file__).with_name("delay_line.py"))
    argv = [sys.executable, program, device, tap, str(delay_ms), str(loss_pct)]
    log = spec.directory / "log" / f"delay.{host}.out"
    line = processes.spawn([*network.entering(login), *argv], log, {})
    table.put(f"delay.{host}", line)

    def tap_exists() -> bool:
        return tap in machine.run([*network.entering(login), "ip", "-brief", "link"])

    if not processes.wait_until(lambda: not processes.alive(line) or tap_exists(), 5):
        raise DemoError(f"no delay line for {host}: see {log}")
    enter(login, "ip", "link", "set", device, "nomaster")
    enter(login, "ip", "link", "set", tap, "master", bridge, "up")
