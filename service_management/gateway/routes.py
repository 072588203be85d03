"""Routes are files: nginx looks for fixed names, and a name is a symlink to a tunnel's socket."""

from __future__ import annotations

import re
from pathlib import Path

from service_management.gateway.files import symlink_atomically

_NAME = re.compile(r"(?P<route>.+)\.(?P<slot>\d+)\.sock")


def route_socket(run_dir: Path, route: str, slot: int) -> Path:
    """Where nginx looks for a replica."""
    return run_dir / "routes" / f"{route}.{slot}.sock"


def quiet_socket(run_dir: Path, route: str, slot: int) -> Path:
    """Where nginx looks for it on behalf of health checks and scrapes."""
    return run_dir / "routes" / f"{route}.{slot}.quiet.sock"


def publish(run_dir: Path, route: str, slot: int, tunnel: Path, quiet: Path) -> None:
    """Send the route's traffic to this tunnel, from the next request on."""
    (run_dir / "routes").mkdir(parents=True, exist_ok=True)
    # The quiet name first: whoever sees the route published can scrape it.
    symlink_atomically(quiet_socket(run_dir, route, slot), quiet)
    symlink_atomically(route_socket(run_dir, route, slot), tunnel)


def unpublish(run_dir: Path, route: str, slot: int) -> None:
    """Send nothing more there; what runs goes on."""
    route_socket(run_dir, route, slot).unlink(missing_ok=True)
    quiet_socket(run_dir, route, slot).unlink(missing_ok=True)


def published(run_dir: Path) -> set[tuple[str, int]]:
    """Every (route, slot) that has traffic sent to it."""
    names = (path.name for path in (run_dir / "routes").glob("*.sock"))
    matches = (_NAME.fullmatch(name) for name in names if not name.endswith(".quiet.sock"))
    return {(match["route"], int(match["slot"])) for match in matches if match}
