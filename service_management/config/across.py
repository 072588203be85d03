"""Rules between keys of one service, and between services."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from .config_problem import Fault, Problem, Section, shown
from .models import Service
from .positions import Path

# The gateway's own first path segments.
RESERVED_ROUTES = frozenset(
    {"info", "admin", "healthz", "metrics", "static", "favicon.ico", "robots.txt"}
)


@dataclass(frozen=True)
class CheckedEntry:
    """One service. Keys that are not `good` have stand-in values."""

    section: Section
    service: Service
    good: frozenset[str]
    bad: frozenset[str]  # given, but not valid

    def has(self, *keys: str) -> bool:
        return self.good.issuperset(keys)


def within(entry: CheckedEntry, ports: Collection[int]) -> Iterator[Fault]:
    """Rules between the keys of one service."""
    service = entry.service
    yield from _too_many_kept(entry)
    if entry.has("route_name") and service.route_name in RESERVED_ROUTES:
        rule = f"must not be one of the gateway's own paths: {', '.join(sorted(RESERVED_ROUTES))}"
        near = shown(f"{service.route_name}-service")
        yield Fault(("route_name",), shown(service.route_name), rule, near)
    if entry.has("local_port") and service.local_port in ports:
        rule = "must not be one of the gateway's own ports"
        yield Fault(("local_port",), shown(service.local_port), rule)
    yield from _one_of_two(entry)


def _too_many_kept(entry: CheckedEntry) -> Iterator[Fault]:
    most = entry.service.max_replicas
    if entry.bad & {"max_replicas"}:
        return
    kept: list[tuple[Path, int]] = [(("min_replicas",), entry.service.min_replicas)]
    for number, hours in enumerate(entry.service.schedule):
        kept.append((("schedule", number, "min_replicas"), hours.min_replicas))
    for path, replicas in kept:
        if replicas > most:
            rule = f"must not be more than max_replicas, which is {most}"
            yield Fault(path, shown(replicas), rule, shown(most))


def _one_of_two(entry: CheckedEntry) -> Iterator[Fault]:
    given = {key: getattr(entry.service, key) for key in ("local_host", "local_port")}
    lacking = [key for key, value in given.items() if value is None and key not in entry.bad]
    if len(lacking) == 1:
        other = next(key for key in given if key not in lacking)
        if other in entry.good:
            rule = f"must be given together with {other}"
            near = shown("127.0.0.1") if other == "local_port" else ""
            yield Fault((lacking[0],), "", rule, near)


def warnings(entries: list[CheckedEntry]) -> Iterator[Problem]:
    """What is valid, and probably not meant."""
    yield from _never_started(entries)
    yield from _shared_ports(entries)


def _never_started(entries: list[CheckedEntry]) -> Iterator[Problem]:
    rule = (
        "no request can start this service: each of these paths is quiet (quiet_paths; by default "
        "the health path and /metrics). Add a path, or set quiet_paths to []"
    )
    for entry in entries:
        service = entry.service
        if not (service.started_by_requests or service.min_replicas or service.schedule):
            fault = Fault(("api_paths",), shown(service.api_paths), rule)
            yield entry.section.problem(fault)


def _shared_ports(entries: list[CheckedEntry]) -> Iterator[Problem]:
    first: dict[tuple[str, int], CheckedEntry] = {}
    for entry in entries:
        port = entry.service.remote_port
        if port == "auto":
            continue
        other = first.setdefault((entry.service.remote_host, int(port)), entry)
        if other is not entry:
            rule = (
                f"{other.section.label} has the same port there: on one node only one of the two "
                'can run. Choose another, or "auto" where the script uses the port in $1'
            )
            yield entry.section.problem(Fault(("remote_port",), shown(port), rule))


def between(entries: list[CheckedEntry]) -> Iterator[Problem]:
    """Rules between services; the later one in the file gets the problem."""
    yield from _routes([entry for entry in entries if entry.has("route_name")])
    yield from _addresses([entry for entry in entries if entry.has("local_host", "local_port")])


def _routes(entries: list[CheckedEntry]) -> Iterator[Problem]:
    first: dict[str, CheckedEntry] = {}
    taken = Counter(entry.service.route_name for entry in entries)
    for entry in entries:
        route = entry.service.route_name
        if first.setdefault(route, entry) is not entry:
            numbered = (f"{route[:59]}-{number}" for number in range(2, len(entries) + 3))
            free = next(name for name in numbered if name not in taken)
            rule = f"must be unique; it is already the route of {first[route].section.label}"
            fault = Fault(("route_name",), shown(route), rule, shown(free))
            yield entry.section.problem(fault)


def _addresses(entries: list[CheckedEntry]) -> Iterator[Problem]:
    by_port: defaultdict[int | None, list[CheckedEntry]] = defaultdict(list)
    for entry in entries:
        earlier = by_port[entry.service.local_port]
        clash = next(
            (other for other in earlier if _same_address(other.service, entry.service)), None
        )
        if clash is not None:
            taken = f"{clash.service.local_host} port {clash.service.local_port}"
            rule = f"must be free; {clash.section.label} already has {taken}"
            fault = Fault(("local_port",), shown(entry.service.local_port), rule)
            yield entry.section.problem(fault)
        earlier.append(entry)


def _same_address(one: Service, other: Service) -> bool:
    if not one.local_host or not other.local_host:
        return False
    hosts = ip_address(one.local_host), ip_address(other.local_host)
    anywhere = hosts[0].is_unspecified or hosts[1].is_unspecified
    return hosts[0] == hosts[1] or (anywhere and hosts[0].version == hosts[1].version)
