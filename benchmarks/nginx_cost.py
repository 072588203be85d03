"""`python -m benchmarks.nginx_cost DIR [DIR…]`: nginx's processor time for a warm request.

Each DIR holds templates as `nginx/` does, for example of an older commit
(`git archive main nginx | tar -x -C /tmp/before`). All are measured in the same rounds, each with a
gateway of its own, without SSH and without a control plane: what differs is the configuration.

With --replicas 1 4 each is measured with a `max_replicas` of 1, and with one of 4. --ready says how
many of them are there.

With --instructions, callgrind (Debian's package valgrind) counts the instructions of one worker
outside the kernel: the same in every run, however busy the machine is.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.processes import cpu_seconds
from service_management.gateway import routes
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.waiting import until

CONNECTIONS, SECONDS = 64, 3
FEW, MANY = 200, 2200  # requests: the difference leaves out what a start costs
UPSTREAM = """\
user root; worker_processes 1; daemon off; pid {dir}/up.pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 100000000;
    server {{ listen unix:{socket}; location / {{ return 200 "a small answer"; }} }}
}}
"""


class Case(NamedTuple):
    """What is measured."""

    templates: Path
    replicas: int  # max_replicas
    ready: int

    def __str__(self) -> str:
        return f"{self.templates}, {self.ready} of {self.replicas} replicas"


@contextmanager
def warm(case: Case, *, launched: bool = True) -> Iterator[Gateway]:
    """A gateway with one service that is there."""
    gateway = Gateway(template_dir=case.templates.resolve())
    fast = service("fast", "/echo", max_replicas=case.replicas)
    try:
        gateway.serve(fast)
        if launched:
            gateway.start(fast)
        socket, config = gateway.run_dir / "tunnels/up.sock", gateway.run_dir / "up.conf"
        config.write_text(UPSTREAM.format(dir=gateway.run_dir, socket=socket))
        argv = ["/usr/sbin/nginx", "-e", "stderr", "-p", str(gateway.run_dir), "-c", str(config)]
        upstream = subprocess.Popen(argv)
        for position in range(case.ready):
            routes.publish(gateway.run_dir, "fast", position, [socket], socket)
        try:
            yield gateway
        finally:
            upstream.terminate()
            upstream.wait(10)
    finally:
        gateway.stop()


def spent(gateway: Gateway) -> float:
    """Microseconds of all workers for one request."""
    master = gateway.settings.pid_file.read_text().strip()
    workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    before = cpu_seconds(map(int, workers))
    url = f"http://127.0.0.1:{gateway.port}/fast/echo"
    argv = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", url]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise SystemExit(f"wrk saw failures:\n{said}")
    requests = next(int(line.split()[0]) for line in said.splitlines() if "requests in" in line)
    return (cpu_seconds(map(int, workers)) - before) / requests * 1e6


def instructions(case: Case) -> float:
    """Of one worker for one request."""
    with warm(case, launched=False) as gateway:
        return (_collected(gateway, MANY) - _collected(gateway, FEW)) / (MANY - FEW)


def _collected(gateway: Gateway, requests: int) -> int:
    argv = [*gateway.nginx.argv()[:-1], "daemon off; master_process off;"]
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    with subprocess.Popen([*valgrind, *argv], stderr=subprocess.PIPE, text=True) as process:
        until(gateway.answers, 60)
        _ask(gateway.port, requests)
        process.terminate()
        said = process.communicate(timeout=60)[1]
    found = re.search(r"Collected : (\d+)", said)
    if found is None:
        raise SystemExit(f"callgrind said nothing of use:\n{said}")
    return int(found[1])


def _ask(port: int, requests: int) -> None:
    """One after the other, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(requests):
        connection.request("GET", "/fast/echo")
        answer = connection.getresponse()
        if answer.status != 200:
            raise SystemExit(f"status {answer.status}")
        answer.read()
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.nginx_cost", description=__doc__)
    parser.add_argument("templates", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--replicas", nargs="+", type=int, default=[1], metavar="K")
    parser.add_argument("--ready", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instructions", action="store_true")
    chosen = parser.parse_args()
    cases = [
        Case(templates, replicas, min(chosen.ready, replicas))
        for templates in chosen.templates
        for replicas in chosen.replicas
    ]
    if chosen.instructions:
        for case in cases:
            print(f"{case}: {instructions(case):,.0f} instructions a request")
        return
    for case, values in _measured(cases, chosen.rounds).items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{case}: {middle:.1f} µs a request (median; {low:.1f} to {high:.1f})")


def _measured(cases: Sequence[Case], rounds: int) -> dict[Case, list[float]]:
    """All in each round, every second one in the other order."""
    with ExitStack() as stack:
        gateways = {case: stack.enter_context(warm(case)) for case in cases}
        seen: dict[Case, list[float]] = {case: [] for case in cases}
        for number in range(rounds + 1):
            for case in cases if number % 2 else reversed(cases):
                value = spent(gateways[case])
                if number:  # the first round warms up
                    seen[case].append(value)
    return seen


if __name__ == "__main__":
    main()
