"""The campaign: every incident under full load, and many reloads of nginx.

    python -m tests.chaos --rate 2000

As root, on a quiet machine; it takes two minutes. Exit code 1 where a request or a stream failed,
or where something else than what was meant to change has changed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.cluster import Cluster
from tests.chaos.incidents import INCIDENTS, Serving, reload_nginx, serve
from tests.stack.connections_and_jobs import connections_and_jobs
from tests.stack.installation import install
from tests.stack.load import Report
from tests.stack.stack import Stack
from tests.stack.traffic import Volume, traffic

ROUTES = ["one", "two", "three"]
BETWEEN_RELOADS = 1.0
COLUMNS = "{:28} {:>9} {:>9} {:>8} {:>7} {:>7} {:>11}"


def main() -> int:
    given = _arguments()
    volume = Volume(given.rate, given.connections, given.streams)
    print(COLUMNS.format("", "requests", "per s", "streams", "failed", "resent", "slowest, ms"))
    with gateway() as stack:
        serving = serve(stack, ROUTES)
        named = [(incident.__name__.replace("_", " "), incident) for incident in INCIDENTS]
        named.append((f"{given.reloads} reloads of nginx", reloads(given.reloads)))
        held = [hold(serving, volume, name, do) for name, do in named]
    return 0 if all(held) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--rate", type=int, default=2000, help="requests per second")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--reloads", type=int, default=20)
    return parser.parse_args()


@contextmanager
def gateway() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="io", dir="/run") as place:
        root = Path(place)
        root.chmod(0o755)  # the login user passes through
        cluster = Cluster.up("hosts", root / "c")
        stack = Stack(cluster, root / "s", root / "r", install(root / "i"))
        stack.directory.mkdir()
        try:
            stack.up()
            yield stack
        finally:
            stack.down()
            cluster.down()


def hold(serving: Serving, volume: Volume, name: str, do: Callable[[Serving], None]) -> bool:
    """True where nothing failed and nothing else has changed."""
    before = connections_and_jobs(serving.stack)
    with traffic(serving.stack, ROUTES, volume) as reports:
        do(serving)
    _print(name, reports[0])
    changes = connections_and_jobs(serving.stack).changes_since(before)
    for change in changes:
        print(f"  {change}")
    return not changes and not reports[0].failed


def reloads(count: int) -> Callable[[Serving], None]:
    def do(serving: Serving) -> None:
        for _ in range(count):
            reload_nginx(serving)
            time.sleep(BETWEEN_RELOADS)

    return do


def _print(name: str, report: Report) -> None:
    numbers = (
        report.requests,
        round(report.requests / report.seconds),
        report.streams,
        report.failed,
        report.resent,
        round(report.slowest * 1000),
    )
    print(COLUMNS.format(name, *numbers), flush=True)
    for failure in report.failures:
        print(f"  {failure}")


if __name__ == "__main__":
    sys.exit(main())
