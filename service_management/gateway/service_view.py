"""A service as the templates see it: checked text and whole numbers, nothing to decide."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from service_management.config import RESERVED_ROUTES, Service
from service_management.gateway.queue_flags import queue_flag
from service_management.gateway.quote import UnquotableError
from service_management.gateway.routes import quiet_socket, route_sockets

_ROUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")
_PATH_SAFE = "/-._~:@!*&()+,="
_LONGEST_WAIT = 365 * 86400  # seconds
AFFINITY_BOUND = 1.25  # times target_inflight: beyond it a replica's requests go elsewhere


@dataclass(frozen=True)
class PathEntry:
    """One path of the allow-list."""

    match: str  # decoded, as nginx matches it; ends in "/" where `below`
    below: bool  # everything below, not just this path
    quiet: bool

    @property
    def path(self) -> str:
        """As the service is asked for it."""
        return quote(self.match, safe=_PATH_SAFE)

    def raw_prefix(self, prefix: str) -> str:
        """What the client's own bytes must begin with, as a regular expression."""
        return "^" + re.escape(prefix + self.path)


@dataclass(frozen=True)
class Server:
    """One name under which nginx reaches a replica."""

    socket: Path
    first: bool  # of position 0, which leads to a replica as long as any is ready
    most: int  # requests at a time; 0: any number


@dataclass(frozen=True)
class Upstream:
    """The replicas, and how nginx chooses one."""

    name: str
    key: str  # nginx's variable that decides, without "io_"; empty: the load decides
    servers: tuple[Server, ...]

    @property
    def shared(self) -> bool:
        """The workers have to count together."""
        return any(server.most or not server.first for server in self.servers)

    @property
    def zone_size(self) -> int:
        """KB of shared memory. nginx takes 640 bytes for a server, and refuses less than 32 KB."""
        return max(32, 16 + len(self.servers))


@dataclass(frozen=True)
class ServiceView:
    """All that the templates say of one service."""

    route: str
    upstream: str
    overflow: str  # the upstream for requests for which that one has no room; or empty
    upstreams: tuple[Upstream, ...]
    several: bool  # replicas, so that nginx has a choice
    affinity: str  # or empty
    quiet_socket: Path
    whole: PathEntry | None  # set where the whole service is offered
    entries: tuple[PathEntry, ...]
    bare: tuple[str, ...]  # not offered, though everything below them is
    max_body: int
    request_timeout: int  # ms
    hold_timeout: int  # ms
    local_address: str | None
    reuse: bool  # send several requests on one connection
    full_log: bool  # every request has a line in access.log
    max_inflight: int | None  # per replica
    queue_flag: Path

    @property
    def timeouts(self) -> tuple[int, int]:
        """What tells apart the places where requests wait, and from where they are replayed."""
        return self.hold_timeout, self.request_timeout

    @property
    def failed(self) -> str:
        """Where a request goes that was not answered."""
        hold, request = self.timeouts
        return f"again_{hold}_{request}" if self.several else f"hold_{hold}"

    @property
    def ready(self) -> str:
        """Where a held request is sent from."""
        hold, request = self.timeouts
        return f"ready_any_{hold}_{request}" if self.several else f"ready_{hold}_{request}"


def view(service: Service, run_dir: Path, *, reuse: bool = True) -> ServiceView:
    """The service's view, or UnquotableError naming the key at fault."""
    route = _route(service.route_name)
    entries = {entry.match: entry for entry in _entries(service)}
    root = entries.get("/")
    whole = entries.pop("/") if root and root.below else None
    bare = _bare(entries)
    if whole:
        entries |= {path: PathEntry(path, below=False, quiet=False) for path in bare}
    upstreams = tuple(_upstreams(service, run_dir, route))
    return ServiceView(
        route=route,
        upstream=upstreams[0].name,
        overflow=upstreams[1].name if len(upstreams) > 1 else "",
        upstreams=upstreams,
        several=service.max_replicas > 1,
        affinity=_affinity(service),
        quiet_socket=quiet_socket(run_dir, route, 0),
        whole=whole,
        entries=tuple(sorted(entries.values(), key=lambda entry: entry.match)),
        bare=() if whole else bare,
        max_body=service.max_body,
        request_timeout=_milliseconds("request_timeout", service.request_timeout),
        # Flask's own patience ends first; nginx's is for a Flask that hangs.
        hold_timeout=_milliseconds("hold_timeout", service.hold_timeout, more=60),
        local_address=_local_address(service),
        reuse=reuse,
        full_log=service.access_log == "full",
        max_inflight=service.max_inflight,
        queue_flag=queue_flag(run_dir, route),
    )


def _route(route: object) -> str:
    if not isinstance(route, str) or not _ROUTE.fullmatch(route) or route in RESERVED_ROUTES:
        raise UnquotableError(f"route_name {route!r} cannot be a path at the gateway")
    return route


def _upstreams(service: Service, run_dir: Path, route: str) -> Iterator[Upstream]:
    """With affinity a replica that has much more to do than it should is passed over. If all have,
    the least busy one is chosen. Not so with `max_inflight`: each upstream counts for itself, so
    there must be one only, and what has no room there waits."""
    affinity, limit = _affinity(service), service.max_inflight
    bound = limit or (math.ceil(service.target_inflight * AFFINITY_BOUND) if affinity else 0)
    key = f"affinity_{affinity}" if affinity else ""
    yield Upstream(_upstream_name(route), key, tuple(_servers(service, run_dir, route, bound)))
    if affinity and not limit:
        servers = tuple(_servers(service, run_dir, route, most=0))
        yield Upstream(_upstream_name(route, "overflow"), "", servers)


def _affinity(service: Service) -> str:
    several = service.max_replicas > 1
    return service.affinity if several and service.affinity != "none" else ""


def _servers(service: Service, run_dir: Path, route: str, most: int) -> Iterator[Server]:
    spread = 1 if service.ssh_connections == "auto" else service.ssh_connections
    for position in range(service.max_replicas):
        names = route_sockets(run_dir, route, position)[:spread]
        for name, share in zip(names, _shares(most, spread), strict=False):
            yield Server(name, position == 0, share)


def _shares(most: int, names: int) -> Iterator[int]:
    """Of the requests that a replica may have, among its names. None has a share of 0, which nginx
    takes for any number."""
    for number in range(names):
        share = (most + names - 1 - number) // names
        if share or not most:
            yield share


def _upstream_name(route: str, role: str = "") -> str:
    """nginx looks a proxy_pass with variables up by comparing one name after the other, without
    regard to case: names that differ in their first letters are told apart at once, even the
    names of two routes that differ in case only."""
    text = f"{route} {role}" if role else route
    return f"{hashlib.sha256(text.encode()).hexdigest()[:12]}_{route}"


def _entries(service: Service) -> Iterator[PathEntry]:
    """Quiet paths last: they win over an api path of the same name."""
    for path in service.api_paths:
        yield _entry("/*" if service.whole_service and path == "/" else path, quiet=False)
    for path in service.effective_quiet_paths:
        yield _entry(path.partition("?")[0], quiet=True)


def _bare(entries: Mapping[str, PathEntry]) -> tuple[str, ...]:
    parents = (entry.match[:-1] for entry in entries.values() if entry.below)
    return tuple(sorted(path for path in parents if path and path not in entries))


def _entry(path: str, *, quiet: bool) -> PathEntry:
    below = path.endswith("/*")
    match = _decoded(path[:-1] if below else path)
    if not match.startswith("/") or "?" in path or "#" in path:
        raise UnquotableError(f"{path!r} is not a path that nginx could match")
    return PathEntry(match, below, quiet)


def _decoded(path: str) -> str:
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeError:
        raise UnquotableError(f"{path!r} does not decode to valid unicode") from None


def _milliseconds(key: str, seconds: float, more: float = 0) -> int:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        raise UnquotableError(f"{key} {seconds!r} is not a time")
    # nginx takes 0 for "at once".
    return max(1, round(min(seconds + more, _LONGEST_WAIT) * 1000))


def _local_address(service: Service) -> str | None:
    if service.local_port is None:
        return None
    host, port = _address(service.local_host or "127.0.0.1"), service.local_port
    if type(port) is not int or not 0 < port < 65536:
        raise UnquotableError(f"local_port {port!r} is not a port")
    return f"{host}:{port}"


def _address(host: object) -> str:
    """Never a name that nginx would have to look up when it starts."""
    if host == "localhost":
        return "localhost"
    try:
        address = ip_address(str(host).strip("[]"))
    except ValueError:
        raise UnquotableError(f"local_host {host!r} is not an address") from None
    return str(address) if address.version == 4 else f"[{address}]"
