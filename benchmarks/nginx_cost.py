"""`python -m benchmarks.nginx_cost DIR [DIR…]`: nginx's processor time for a warm request.

Each DIR holds templates as `nginx/` does, for example of an older commit
(`git archive main nginx | tar -x -C /tmp/before`). All are measured in the same rounds, each with a
gateway of its own, without SSH and without a control plane: what differs is the configuration.

With --instructions, callgrind (Debian's package valgrind) counts the instructions of one worker
outside the kernel: the same in every run, however busy the machine is.
"""

from __future__ import annotations

import argparse
import http.client
import re
import statistics
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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


@contextmanager
def warm(templates: Path, *, launched: bool = True) -> Iterator[Gateway]:
    """A gateway with one service that is there."""
    gateway = Gateway(template_dir=templates)
    try:
        gateway.serve(service("fast", "/echo"))
        if launched:
            gateway.start(service("fast", "/echo"))
        socket, config = gateway.run_dir / "tunnels/up.sock", gateway.run_dir / "up.conf"
        config.write_text(UPSTREAM.format(dir=gateway.run_dir, socket=socket))
        argv = ["/usr/sbin/nginx", "-e", "stderr", "-p", str(gateway.run_dir), "-c", str(config)]
        upstream = subprocess.Popen(argv)
        routes.publish(gateway.run_dir, "fast", 0, [socket], socket)
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


def instructions(templates: Path) -> float:
    """Of one worker for one request."""
    with warm(templates, launched=False) as gateway:
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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instructions", action="store_true")
    chosen = parser.parse_args()
    if chosen.instructions:
        for path in chosen.templates:
            print(f"{path}: {instructions(path.resolve()):,.0f} instructions a request")
        return
    with ExitStack() as stack:
        gateways = {path: stack.enter_context(warm(path.resolve())) for path in chosen.templates}
        seen: dict[Path, list[float]] = {path: [] for path in gateways}
        for number in range(chosen.rounds + 1):
            for path, gateway in gateways.items():
                value = spent(gateway)
                if number:  # the first one warms up
                    seen[path].append(value)
    for path, values in seen.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{path}: {middle:.1f} µs a request (median; {low:.1f} to {high:.1f})")


if __name__ == "__main__":
    main()
