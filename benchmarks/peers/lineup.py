"""The peers that are installed, running: which way leads to each, and how it starts a service."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.baselines.by_hand import ByHand
from benchmarks.bed import Bed
from benchmarks.cases.warm import SERVICE
from benchmarks.endpoint import Endpoint, Wrong
from benchmarks.load.tally import ask
from benchmarks.peers.container import Container
from benchmarks.peers.installed import Missing, find
from benchmarks.peers.llama_swap import LOCAL, job_command, llama_swap, ssh_command
from benchmarks.peers.proxies import caddy, haproxy
from benchmarks.peers.sablier import sablier
from tests.stack.stack import free_port
from tests.stack.waiting import wait_for

LOAD_SECONDS = 2.0
PATIENCE = 60.0


@dataclass(frozen=True)
class Starter:
    """Something that starts the service when a request comes."""

    endpoint: Endpoint
    stop: Callable[[], None]
    starts: Callable[[], int]  # jobs or containers so far

    def first_answer(self) -> float:
        """Seconds; cold again afterwards."""
        began = time.monotonic()
        target = f"{self.endpoint.prefix}/echo?n=1"
        body = ask(self.endpoint.host, self.endpoint.port, target, PATIENCE)
        took = time.monotonic() - began
        self.stop()
        if body != b"1\n":
            raise Wrong(f"{self.endpoint.name}: a cold request was not answered")
        return took


@dataclass
class Lineup:
    """By name. What only proxies has no cold start; what is not installed is in neither."""

    warm: dict[str, Endpoint] = field(default_factory=dict)
    cold: dict[str, Starter] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """Starts peers and adds them to a lineup."""

    bed: Bed
    directory: Path
    person: ByHand
    open: ExitStack
    lineup: Lineup

    def product(self) -> None:
        keys = {"env": {"LOAD_SECONDS": str(LOAD_SECONDS)}}
        way, gateway = self.bed.offer("peers", "fast.sh", **keys), self.bed.gateway
        starts = partial(gateway.submissions, "peers")
        self.lineup.warm["product"] = self.bed.way("product", *SERVICE)
        self.lineup.cold["product"] = Starter(way, partial(gateway.stop, "peers"), starts)
        self.lineup.warm["bare"] = self.bed.way("bare", *SERVICE)

    def haproxy(self) -> None:
        way = haproxy(self.bed.cluster, self.directory / "haproxy", *self._ready_replica())
        self._add_warm("HAProxy + ssh", self.open.enter_context(way))

    def llama_swap(self) -> None:
        place = self.directory / "llama-swap"
        models = {
            "local": (LOCAL, True),
            "ssh": (ssh_command(self.bed.cluster, *self._ready_replica()), True),
            "job": (job_command(self.person, place, LOAD_SECONDS), False),
        }
        running = self.open.enter_context(llama_swap(place, models))
        self._add_warm("llama-swap, local", running.endpoint("local", "llama-swap"))
        self._add_warm("llama-swap + ssh", running.endpoint("ssh", "llama-swap"))

        def stop() -> None:
            running.unload("job")
            for job in running.jobs():
                self.person.wait_until_gone(job)

        way = running.endpoint("job", "llama-swap")
        self.lineup.cold["llama-swap + ssh"] = Starter(way, stop, lambda: len(running.jobs()))

    def caddy(self) -> None:
        place = self.directory / "caddy"
        find("caddy")
        service = Container(free_port(), self.directory, load_seconds=0)
        service.start()
        self.open.callback(service.stop)
        self._add_warm("Caddy, local", self.open.enter_context(caddy(place, service.port)))

    def sablier_with_nginx(self) -> None:
        self._sablier("nginx + Sablier, local", "nginx")

    def sablier_with_caddy(self) -> None:
        self._sablier("Caddy + Sablier, local", "caddy")

    def _sablier(self, name: str, proxy: str) -> None:
        place = self.directory / f"sablier-{proxy}"
        way, container = self.open.enter_context(sablier(place, proxy, LOAD_SECONDS))
        self._add_warm(name, way)
        self.lineup.cold[name] = Starter(way, container.stop, lambda: container.starts)

    def _ready_replica(self) -> tuple[str, int]:
        replica = self.bed.gateway.info(SERVICE[0])["replicas"][0]  # others may be ending
        return replica["node"], replica["port"]

    def _add_warm(self, name: str, way: Endpoint) -> None:
        """Its first request may start the service."""
        wait_for(f"{name} answers", lambda: _answers(way), PATIENCE, 0.2)
        self.lineup.warm[name] = way


def _answers(way: Endpoint) -> bool:
    return ask(way.host, way.port, f"{way.prefix}/echo?n=1", PATIENCE) == b"1\n"


def line_up(bed: Bed, directory: Path, person: ByHand, open_: ExitStack) -> Lineup:
    entry = Entry(bed, directory, person, open_, Lineup())
    entry.product()
    others = (entry.haproxy, entry.llama_swap, entry.sablier_with_nginx, entry.caddy)
    for enter in (*others, entry.sablier_with_caddy):
        try:
            enter()
        except (Missing, RuntimeError, AssertionError) as error:  # the latter: it does not start
            bed.say(f"peers: SKIPPED {enter.__name__.replace('_', ' ')}: {error}")
    return entry.lineup
