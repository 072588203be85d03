"""Routes are files: nginx looks for fixed names, and a name is a symlink to a tunnel's socket.

A service with `max_replicas` K has K positions, and nginx knows the names of all of them. While any
replica is ready, position 0 leads to one; the others may be empty.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Collection, Sequence
from functools import lru_cache
from pathlib import Path

from service_management.atomic_files import symlink_atomically
from service_management.config import MOST_CONNECTIONS, MOST_REPLICAS

_NAME = re.compile(r"(?P<route>.+)\.(?P<position>\d+)\.sock")


def route_socket(run_dir: Path, route: str, position: int) -> Path:
    """Where nginx looks for a replica."""
    return run_dir / "routes" / f"{route}.{position}.sock"


def route_sockets(run_dir: Path, route: str, position: int) -> tuple[Path, ...]:
    """The same, and where it looks besides, where a replica has several tunnels. No route has
    a "+" in it."""
    first = route_socket(run_dir, route, position)
    others = (first.with_name(f"{route}.{position}+{n}.sock") for n in range(1, MOST_CONNECTIONS))
    return first, *others


def quiet_socket(run_dir: Path, route: str, position: int) -> Path:
    """Where nginx looks for it on behalf of health checks and scrapes."""
    return run_dir / "routes" / f"{route}.{position}.quiet.sock"


def publish(run_dir: Path, route: str, position: int, tunnels: Sequence[Path], quiet: Path) -> None:
    """Send the route's traffic to these tunnels in turn, from the next request on. Every name that
    nginx may look for is made, however many tunnels there are, so that none is missing after
    an edit of `ssh_connections`."""
    (run_dir / "routes").mkdir(parents=True, exist_ok=True)
    first, *others = route_sockets(run_dir, route, position)
    for number, name in enumerate(others, start=1):
        symlink_atomically(name, tunnels[number % len(tunnels)])
    # The quiet name first, so that a route that is seen published can be scraped.
    symlink_atomically(quiet_socket(run_dir, route, position), quiet)
    symlink_atomically(first, tunnels[0])


def unpublish(run_dir: Path, route: str, position: int) -> None:
    """Send no more requests there; requests in flight continue."""
    for name in route_sockets(run_dir, route, position):
        name.unlink(missing_ok=True)
    quiet_socket(run_dir, route, position).unlink(missing_ok=True)


def accepts_connections(run_dir: Path, route: str) -> bool:
    """Whether nginx would reach a tunnel of the route now, whatever its position."""
    names = (route_sockets(run_dir, route, position) for position in range(MOST_REPLICAS))
    return any(_accepts(name) for each in names if each[0].is_symlink() for name in each)


def _accepts(name: Path) -> bool:
    """A full queue is one that drains."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.setblocking(False)
        try:
            client.connect(str(name))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


def published(run_dir: Path) -> set[tuple[str, int]]:
    """Every (route, position) that has traffic sent to it."""
    names = (path.name for path in (run_dir / "routes").glob("*.sock"))
    matches = (_NAME.fullmatch(name) for name in names if not name.endswith(".quiet.sock"))
    return {(match["route"], int(match["position"])) for match in matches if match}


def tunnels(run_dir: Path) -> dict[tuple[str, int], Path]:
    """Every (route, position) that has traffic sent to it, and the first tunnel it is sent to."""
    return {one: route_socket(run_dir, *one).readlink() for one in published(run_dir)}


def damaged(run_dir: Path, places: Collection[tuple[str, int]]) -> list[tuple[str, int]]:
    """Those of which a name was removed."""
    try:
        with os.scandir(run_dir / "routes") as found:
            there = {entry.name for entry in found}
    except FileNotFoundError:
        there = set()
    return [place for place in places if not there.issuperset(_names(*place))]


@lru_cache(maxsize=4096)
def _names(route: str, position: int) -> tuple[str, ...]:
    """Remembered: they are looked for five times a second."""
    places = (*route_sockets(Path(), route, position), quiet_socket(Path(), route, position))
    return tuple(place.name for place in places)
