"""The hosts of the shape `hosts`: namespaces, addresses, links, and what can happen to a link.

    gateway (root namespace) ──veth──[bridge wan] login [bridge lan]─┬─veth── node1
                                                                     ├─veth── node2
                                                                     └─veth── node3

A host's namespaces (net, uts, mount) are those of its holder, a sleeping process: nothing is
named in /run/netns, and all of it vanishes with the holder. The bridges are the login's own, so
the gateway has no way to the nodes, and no firewall of the machine is between them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json

from demo import machine, processes
from demo.processes import Process, Table
from demo.spec import DemoError, Login, Node, Spec

LOGIN = "login"
NODES = 3
LAN = "10.9.0"  # seen only inside the namespaces, so every cluster can have it
LINKS = ipaddress.ip_network("100.64.0.0/10")  # for links; carrier-grade NAT, rarely met
# A host: its name, its /etc/hosts, a working loopback, no forwarding, and no answers to ARP
# for an address of another interface (a port that left its bridge would give them).
HOLD = (
    'hostname "$1" && mount --bind "$2" /etc/hosts && ip link set lo up '
    "&& echo 0 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv4/conf/all/arp_ignore "
    "&& exec sleep infinity"
)


def choose(tag: str, ssh_port: int) -> tuple[Login, tuple[Node, ...]]:
    link = _free_link(tag)
    gateway, login = (str(address) for address in link.hosts())
    nodes = tuple(
        Node(f"node{index}", f"{LAN}.{10 + index}", 6818) for index in range(1, NODES + 1)
    )
    return Login(LOGIN, f"{LAN}.1", 6817, login, ssh_port, gateway), nodes


def _free_link(tag: str) -> ipaddress.IPv4Network:
    """A /30 that no address or route of the machine touches."""
    taken = _taken_networks()
    count = LINKS.num_addresses // 4
    for step in range(count):
        number = (int(tag, 16) + step) % count
        link = ipaddress.IPv4Network((int(LINKS.network_address) + 4 * number, 30))
        if not any(link.overlaps(other) for other in taken):
            return link
    raise DemoError(f"no free network of four addresses in {LINKS}")


def _taken_networks() -> list[ipaddress.IPv4Network]:
    routes = json.loads(machine.run(["ip", "-json", "-4", "route", "show", "table", "all"]))
    targets = [route["dst"] for route in routes if route["dst"] != "default"]
    return [ipaddress.IPv4Network(target, strict=False) for target in targets]


def build(spec: Spec, table: Table) -> bool:
    """Make the hosts and their links, unless they exist; an incomplete network is rebuilt."""
    if all(table.get(f"holder.{host}") for host in spec.host_names):
        return False
    remove(spec, table)
    for host in spec.host_names:
        _start_holder(spec, table, host)
    login = holder(table, LOGIN)
    _add_bridge(login, "lan", f"{spec.login.address}/24")
    _add_bridge(login, "wan", f"{spec.login.ssh_address}/30")
    _link_gateway(spec, login)
    for node in spec.nodes:
        _link_node(node, login, holder(table, node.name))
    return True


def remove(spec: Spec, table: Table) -> None:
    """The hosts with everything on them, also of a host whose holder is gone already; the
    links vanish with them."""
    processes.end_now(table.living().values())
    processes.end_now(processes.daemons_of(spec.slurm_conf))
    processes.end_now(processes.of_user(spec.uid))
    unlink(spec)


def unlink(spec: Spec) -> None:
    """The kernel removes a dead namespace's links some time later. Until then this link would
    block the next one of its name."""
    with contextlib.suppress(DemoError):
        _ip("link", "delete", gateway_link(spec))


def _start_holder(spec: Spec, table: Table, host: str) -> None:
    hosts_file = spec.directory / "etc" / "hosts"
    argv = ["unshare", "--net", "--uts", "--mount", "sh", "-c", HOLD, "sh", host, str(hosts_file)]
    log = spec.directory / "log" / f"holder.{host}.out"
    process = processes.spawn(argv, log, {})
    table.put(f"holder.{host}", process)
    ready = processes.wait_until(lambda: processes.command(process.pid) == "sleep", 5)
    if not ready or not processes.alive(process):
        raise DemoError(f"no namespaces for {host}: {log.read_text().strip()}")


def _add_bridge(login: Process, name: str, address: str) -> None:
    # A fixed hardware address: by default it is a port's, and changes with the ports.
    hardware = {"lan": "02:00:00:00:00:01", "wan": "02:00:00:00:00:02"}[name]
    enter(login, "ip", "link", "add", name, "address", hardware, "type", "bridge")
    enter(login, "ip", "address", "add", address, "dev", name)
    enter(login, "ip", "link", "set", name, "up")


def _link_gateway(spec: Spec, login: Process) -> None:
    name = gateway_link(spec)
    _ip("link", "add", name, "type", "veth", "peer", "name", "gw", "netns", str(login.pid))
    _ip("address", "add", f"{spec.login.gateway}/30", "dev", name)
    _ip("link", "set", name, "up")
    enter(login, "ip", "link", "set", "gw", "master", "wan", "up")


def _link_node(node: Node, login: Process, process: Process) -> None:
    peer = ("peer", "name", "eth0", "netns", str(process.pid))
    enter(login, "ip", "link", "add", node.name, "type", "veth", *peer)
    enter(login, "ip", "link", "set", node.name, "master", "lan", "up")
    enter(process, "ip", "address", "add", f"{node.address}/24", "dev", "eth0")
    enter(process, "ip", "link", "set", "eth0", "up")


def gateway_link(spec: Spec) -> str:
    return f"demo-{spec.tag}"


def holder(table: Table, host: str) -> Process:
    process = table.get(f"holder.{host}")
    if process is None:
        raise DemoError(f"no host {host} here (hosts can be cut, slowed and killed in shape hosts)")
    return process


def _ip(*words: str) -> None:
    machine.run(["ip", *words])


def entering(process: Process) -> list[str]:
    return ["nsenter", f"--target={process.pid}", "--net"]


def enter(process: Process, *argv: str) -> None:
    """A command about the network of that host."""
    machine.run([*entering(process), *argv])
