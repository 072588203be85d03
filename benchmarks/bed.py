"""What is measured on: a demo cluster of several hosts, a gateway, services, and the baselines."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.baselines.bare import bare
from benchmarks.baselines.naive import naive
from benchmarks.endpoint import Endpoint
from demo.cluster import Cluster
from tests.stack.bringup import hosts, new_run_dir, running
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for

SERVICES = Path(__file__).parent / "services"
Say = Callable[[str], None]


class Gateway(Stack):
    """As it is run: not in the tests' debug mode."""

    extra: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "LOG_LEVEL": "info", **self.extra}

    def service(self, route: str, script: str, **keys: Any) -> dict[str, Any]:
        keys = {"bash_file": script, "timeout": 3600, "max_body": 4 << 30, **keys}
        return self.entry(route, **keys)

    def endpoint(self, route: str) -> Endpoint:
        return Endpoint("product", "127.0.0.1", self.port, f"/{route}")

    def start(self, route: str) -> None:
        self.admin(route, "start").raise_for_status()
        self.wait_for_state(route, "ready", seconds=60)

    def stop(self, route: str) -> None:
        # At once: a stream that its client has left is in flight until the service writes to it.
        self.admin(route, "stop?now=1").raise_for_status()
        self.wait_for_state(route, "cold")
        wait_for("its job is gone", lambda: not self.jobs(route))


@dataclass
class Bed:
    cluster: Cluster
    gateway: Gateway
    directory: Path
    say: Say
    _open: ExitStack
    _ways: dict[tuple[str, str], Endpoint] = field(default_factory=dict)
    _services: dict[str, dict[str, Any]] = field(default_factory=dict)
    _others: list[Gateway] = field(default_factory=list)

    def offer(self, route: str, script: str, **keys: Any) -> Endpoint:
        """Configure one more service."""
        if route not in self._services:
            self._services[route] = self.gateway.service(route, script, **keys)
            self.gateway.configure(*self._services.values())
        return self.gateway.endpoint(route)

    def way(self, name: str, route: str, script: str) -> Endpoint:
        """To the job of this route: `product`, `direct`, `naive`, or `bare` and its variants."""
        if (name, route) not in self._ways:
            self._ways[name, route] = self._lead(name, route, script)
        return self._ways[name, route]

    def rest(self) -> None:
        """No gateway has a job, and so none asks Slurm, until a way is asked for again."""
        for gateway in (self.gateway, *self._others):
            for service in gateway.info()["services"]:
                if service["state"] != "cold":
                    gateway.stop(service["route_name"])
        self._ways.clear()

    def _lead(self, name: str, route: str, script: str) -> Endpoint:
        product = self.offer(route, script)
        if name == "product":
            self.say(f"starting the job of {route}")
            self.gateway.start(route)
            return product
        self.way("product", route, script)
        replica = self.gateway.info(route)["replicas"][0]  # others may be ending
        node, port = replica["node"], replica["port"]
        if name == "direct":
            enter = self.cluster.entering(self.cluster.spec.login.name)
            address = next(n.address for n in self.cluster.spec.nodes if n.name == node)
            return Endpoint("direct", address, port, enter=tuple(enter))
        self.say(f"starting the baseline {name}")
        place = self.directory / f"{name.replace(', ', '-').replace(' ', '-')}-{route}"
        if name == "naive":
            return self._open.enter_context(naive(self.cluster, place, node, port))
        return self._open.enter_context(bare(self.cluster, place, node, port, name))

    def another_gateway(self, **environment: str) -> Gateway:
        """A second one on the same cluster; ended with the bed."""
        self._others.append(self._open.enter_context(gateway(self.cluster, environment)))
        return self._others[-1]


@contextmanager
def bed(say: Say) -> Iterator[Bed]:
    with ExitStack() as open_:
        directory = open_.enter_context(temporary_directory())
        say("starting a Slurm cluster of four hosts")
        cluster = open_.enter_context(hosts(Path(f"/run/iob{os.getpid()}")))
        for script in SERVICES.glob("*.sh"):
            cluster.write_script(script.name, script.read_text())
        cluster.write_script("bulk.py", (SERVICES / "bulk.py").read_text())
        say("starting the gateway")
        yield Bed(cluster, open_.enter_context(gateway(cluster, {})), directory, say, open_)


@contextmanager
def gateway(cluster: Cluster, environment: dict[str, str]) -> Iterator[Gateway]:
    with temporary_directory() as state_dir:
        here = Gateway(cluster, state_dir, new_run_dir())
        here.extra = environment
        with running(here):
            yield here


@contextmanager
def temporary_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="io-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)
