"""wrk, closed loop: as many requests as the path takes. Every answer has the same status, and about
the same size; what is in them is checked by the open loop, which runs over the same path."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.endpoint import Endpoint, Wrong
from benchmarks.load.open_loop import NAME, open_loop

WARM_UP = 1.0  # seconds
SPREAD = 8  # bytes: numbers in headers (request ids) have more or fewer digits
_SCRIPT = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True)
class Closed:
    per_second: float
    p50: float  # milliseconds
    p99: float
    longest: float
    errors: int


def wrk(endpoint: Endpoint, connections: int, seconds: float, *, strict: bool = True) -> Closed:
    """Raises where an answer was wrong; a baseline may fail some, and only its good
    ones count."""
    # The pools are filled first. All connections at once are more than ssh's socket takes: a bare
    # nginx answers some with 502.
    run(endpoint, connections, WARM_UP)
    return checked(endpoint, run(endpoint, connections, seconds), strict=strict)


def checked(endpoint: Endpoint, seen: Any, *, strict: bool = True) -> Closed:
    found = closed(seen)
    if not strict:
        if found.errors:
            print(
                f"  {endpoint.name}: {found.errors} of {seen['requests']} failed", file=sys.stderr
            )
        return found
    least, most = open_loop(endpoint, connections=1, rate=10, seconds=0.3).sizes
    if found.errors or not seen["requests"]:
        raise Wrong(f"{endpoint.name}: wrk saw failures: {seen}")
    mean = seen["bytes"] / seen["requests"]
    if not least - SPREAD <= mean <= most + SPREAD:
        raise Wrong(f"{endpoint.name}: answers have {mean:.1f} bytes on average, not {most}")
    return found


def run(endpoint: Endpoint, connections: int, seconds: float, timeout: float = 10) -> Any:
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    argv += [f"--timeout={timeout:g}s", f"-s{_SCRIPT}", endpoint.url(f"/echo?n={NAME}")]
    return json.loads(endpoint.run(*argv).splitlines()[-1])


def closed(seen: Any) -> Closed:
    errors = sum(seen[kind] for kind in ("connect", "read", "write", "timeout", "status"))
    good = seen["requests"] - seen["status"]
    p50, p99, longest = (seen[name] / 1e3 for name in ("p50", "p99", "max"))
    return Closed(good / seen["microseconds"] * 1e6, p50, p99, longest, errors)
