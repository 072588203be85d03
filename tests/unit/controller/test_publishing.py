"""Requests are spread over the ready replicas, and over those of their tunnels that are up."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from service_management.controller.publishing import Position, RoutePublisher, assigned
from service_management.controller.socket_paths import (
    Sockets,
    TunnelTargets,
    connection_number,
    nonce_of,
    sockets,
)
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Job, Replica
from service_management.lifecycle.states import Phase

from .test_job_spec import SPEC

MAIN, SECOND = Path("/t/ab.sock"), Path("/t/ab.1.sock")
NONCES = ("ab", "cd", "ef")


def record(**phases: Phase) -> ServiceRecord:
    """With one replica for each of these nonces."""
    replicas = (
        Replica("digits", NONCES.index(nonce), Job(f"io.digits.s0.{nonce}", 1, 0.0), phase)
        for nonce, phase in phases.items()
    )
    return ServiceRecord("digits", tuple(replicas))


RECORD = record(ab=Phase.READY)


class Links:
    """What is published, in memory."""

    def __init__(self) -> None:
        self.shown: dict[Position, tuple[Path, ...]] = {}
        self.written: list[Position] = []

    def published(self) -> dict[Position, Path]:
        return {position: tunnels[0] for position, tunnels in self.shown.items()}

    def damaged(self, positions: Collection[Position]) -> list[Position]:
        return [position for position in positions if position not in self.shown]

    def publish(self, route: str, position: int, tunnels: tuple[Path, ...], quiet: Path) -> None:
        assert quiet.name == f"{tunnels[0].name.partition('.')[0]}.quiet.sock"
        self.shown[route, position] = tunnels
        self.written.append((route, position))

    def unpublish(self, route: str, position: int) -> None:
        self.shown.pop((route, position), None)

    @property
    def nonces(self) -> dict[int, str]:
        """Which job each position leads to."""
        return {n: tunnels[0].name.partition(".")[0] for (_, n), tunnels in self.shown.items()}


@pytest.fixture
def links() -> Links:
    return Links()


@pytest.fixture
def open_tunnels() -> set[Path]:
    return {MAIN, SECOND}


def both(job: Job) -> Sockets:
    nonce, base = nonce_of(job.name), Path("/t")
    quiet, further = base / f"{nonce}.quiet.sock", base / f"{nonce}.1.sock"
    return Sockets(base / f"{nonce}.sock", quiet, (further,))


@pytest.fixture
def publishing(links: Links, open_tunnels: set[Path]) -> RoutePublisher:
    return RoutePublisher(links, both, lambda _job, socket: socket in open_tunnels)


def changed(publisher: RoutePublisher, record: ServiceRecord) -> None:
    """As a commit does it."""
    publisher.withdraw(record)
    publisher.publish(record)


def test_requests_avoid_a_tunnel_while_it_is_down(
    publishing: RoutePublisher, links: Links, open_tunnels: set[Path]
) -> None:
    publishing.publish(RECORD)
    for down in (SECOND, MAIN):
        open_tunnels.remove(down)
        publishing.refresh([RECORD])
        assert links.shown["digits", 0] == tuple({MAIN, SECOND} - {down})
        open_tunnels.add(down)
        publishing.refresh([RECORD])
        assert links.shown["digits", 0] == (MAIN, SECOND)


def test_without_a_live_tunnel_requests_go_to_the_main_one(
    publishing: RoutePublisher, links: Links, open_tunnels: set[Path]
) -> None:
    open_tunnels.clear()
    publishing.publish(RECORD)
    assert links.shown["digits", 0] == (MAIN,)


def test_only_changed_routes_are_written(
    publishing: RoutePublisher, links: Links, open_tunnels: set[Path]
) -> None:
    publishing.publish(RECORD)
    publishing.refresh([RECORD])
    publishing.publish(RECORD)
    assert links.written == [("digits", 0)]
    draining = record(ab=Phase.DRAINING)
    changed(publishing, draining)
    open_tunnels.remove(SECOND)
    publishing.refresh([draining])
    assert links.shown == {}
    assert len(links.written) == 1


def test_a_refresh_publishes_nothing_new(publishing: RoutePublisher, links: Links) -> None:
    """It comes before the commit: what is ready may not be stored as ready yet."""
    publishing.refresh([RECORD])
    assert links.shown == {}


def test_a_removed_link_is_restored_without_the_others(
    publishing: RoutePublisher, links: Links
) -> None:
    pair = record(ab=Phase.READY, cd=Phase.READY)
    changed(publishing, pair)
    before = dict(links.shown)
    del links.shown["digits", 1]
    publishing.refresh([pair])
    assert links.shown == before
    assert links.written == [("digits", 0), ("digits", 1), ("digits", 1)]


@pytest.mark.parametrize(
    ("before", "ready", "after"),
    [
        ({}, [], {}),
        ({}, ["a", "b"], {0: "a", 1: "b"}),
        ({0: "b", 1: "a"}, ["a", "b"], {0: "b", 1: "a"}),
        ({0: "a", 1: "b"}, ["a"], {0: "a"}),
        ({0: "a", 1: "b"}, ["b"], {0: "b"}),
        ({0: "a", 1: "b", 2: "c"}, ["b", "c"], {0: "c", 1: "b"}),
        ({0: "a", 1: "b"}, ["b", "c"], {0: "c", 1: "b"}),
        ({0: "a"}, ["b"], {0: "b"}),
        ({0: "a", 1: "a"}, ["a"], {0: "a"}),
    ],
)
def test_each_ready_replica_has_one_position(
    before: dict[int, str], ready: list[str], after: dict[int, str]
) -> None:
    assert assigned(before, ready) == after


@pytest.mark.parametrize(
    ("lost", "after"),
    [("ab", {0: "ef", 1: "cd"}), ("cd", {0: "ab", 2: "ef"}), ("ef", {0: "ab", 1: "cd"})],
)
def test_the_first_position_leads_to_a_ready_replica(
    publishing: RoutePublisher, links: Links, lost: str, after: dict[int, str]
) -> None:
    """The others keep theirs."""
    ready = dict.fromkeys(NONCES, Phase.READY)
    changed(publishing, record(**ready))
    assert links.nonces == dict(enumerate(NONCES))
    changed(publishing, record(**{**ready, lost: Phase.DRAINING}))
    assert links.nonces == after


@pytest.mark.parametrize("lost", ["ab", "cd"])
def test_a_refresh_leaves_a_replica_one_position(
    publishing: RoutePublisher, links: Links, lost: str
) -> None:
    """It comes between an event and its commit."""
    ready = {"ab": Phase.READY, "cd": Phase.READY}
    changed(publishing, record(**ready))
    left = record(**{**ready, lost: Phase.DRAINING})
    publishing.refresh([left])
    changed(publishing, left)
    assert links.nonces == {0: ({"ab", "cd"} - {lost}).pop()}


def test_withdrawing_leaves_no_request_to_what_is_not_ready(
    publishing: RoutePublisher, links: Links
) -> None:
    changed(publishing, record(ab=Phase.READY, cd=Phase.READY))
    publishing.withdraw(record(ab=Phase.DRAINING, cd=Phase.READY))
    assert "ab" not in links.nonces.values()


def test_a_forgotten_service_leaves_no_position(publishing: RoutePublisher, links: Links) -> None:
    changed(publishing, record(ab=Phase.READY, cd=Phase.READY))
    publishing.forget("digits")
    assert links.shown == {}


def test_a_new_process_takes_over_what_is_published(
    publishing: RoutePublisher, links: Links
) -> None:
    links.shown = {
        ("digits", 0): (Path("/t/cd.sock"),),
        ("digits", 1): (MAIN,),
        ("digits", 2): (Path("/t/gone.sock"),),
        ("removed", 0): (Path("/t/old.sock"),),
    }
    publishing.restore([record(ab=Phase.READY, cd=Phase.READY, ef=Phase.STARTING)])
    assert links.shown.keys() == {("digits", 0), ("digits", 1)}
    assert links.nonces == {0: "cd", 1: "ab"}


def test_a_sockets_name_has_the_number_of_its_connection() -> None:
    for stored, further in (("1", 0), ("3", 2), ("0", 7)):
        spec = SPEC.dump().replace('tions":0', f'tions":{stored}')
        found = sockets(Path("/run/io"), Job("io.digits.s0.ab", 1, 0.0, spec))
        assert [connection_number(socket) for socket in found.clients] == list(range(1 + further))
        assert connection_number(found.quiet) == 0
        assert len(found.required) == (2 if stored == "0" else 2 + further)


def test_where_sockets_lead_is_forgotten_with_their_jobs() -> None:
    leads = TunnelTargets()
    leads.note(MAIN, "n1")
    leads.note(Path("/t/cd.1.sock"), "n2")
    leads.forget_jobs_except({"io.digits.s0.ab"})
    assert (leads.node(MAIN), leads.node(Path("/t/cd.1.sock"))) == ("n1", None)
