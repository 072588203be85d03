"""Requests are spread over the tunnels that are up."""

from __future__ import annotations

from pathlib import Path

import pytest

from service_management.controller.publishing import RoutePublisher
from service_management.controller.socket_paths import (
    Sockets,
    TunnelTargets,
    connection_number,
    sockets,
)
from service_management.lifecycle.record import Job, Record

from .test_job_spec import SPEC

MAIN, SECOND, QUIET = Path("/t/ab.sock"), Path("/t/ab.1.sock"), Path("/t/ab.quiet.sock")
RECORD = Record("digits", job=Job("io.digits.0.1.ab", 1, 0.0))


class Links:
    """What is published, in memory."""

    def __init__(self) -> None:
        self.shown: dict[str, tuple[Path, ...]] = {}
        self.times = 0

    def published(self) -> list[str]:
        return list(self.shown)

    def publish(self, route: str, tunnels: tuple[Path, ...], quiet: Path) -> None:
        assert quiet == QUIET
        self.shown[route] = tunnels
        self.times += 1

    def unpublish(self, route: str) -> None:
        self.shown.pop(route, None)


@pytest.fixture
def links() -> Links:
    return Links()


@pytest.fixture
def open_tunnels() -> set[Path]:
    return {MAIN, SECOND}


@pytest.fixture
def publishing(links: Links, open_tunnels: set[Path]) -> RoutePublisher:
    both = Sockets(MAIN, QUIET, (SECOND,))
    return RoutePublisher(links, lambda _job: both, lambda _job, socket: socket in open_tunnels)


def test_requests_avoid_a_tunnel_while_it_is_down(
    publishing: RoutePublisher, links: Links, open_tunnels: set[Path]
) -> None:
    publishing.publish(RECORD)
    for down in (SECOND, MAIN):
        open_tunnels.remove(down)
        publishing.refresh([RECORD])
        assert links.shown["digits"] == tuple({MAIN, SECOND} - {down})
        open_tunnels.add(down)
        publishing.refresh([RECORD])
        assert links.shown["digits"] == (MAIN, SECOND)


def test_without_a_live_tunnel_requests_go_to_the_main_one(
    publishing: RoutePublisher, links: Links, open_tunnels: set[Path]
) -> None:
    open_tunnels.clear()
    publishing.publish(RECORD)
    assert links.shown["digits"] == (MAIN,)


def test_only_changed_routes_are_written(
    publishing: RoutePublisher, links: Links, open_tunnels: set[Path]
) -> None:
    publishing.publish(RECORD)
    publishing.refresh([RECORD])
    assert links.times == 1
    publishing.unpublish("digits")
    open_tunnels.remove(SECOND)
    publishing.refresh([RECORD])
    assert publishing.published() == set()


def test_a_sockets_name_has_the_number_of_its_connection() -> None:
    for stored, further in (("1", 0), ("3", 2), ("0", 7)):
        spec = SPEC.dump().replace('tions":0', f'tions":{stored}')
        found = sockets(Path("/run/io"), Job("io.digits.0.1.ab", 1, 0.0, spec))
        assert [connection_number(socket) for socket in found.clients] == list(range(1 + further))
        assert connection_number(found.quiet) == 0
        assert len(found.required) == (2 if stored == "0" else 2 + further)


def test_where_sockets_lead_is_forgotten_with_their_jobs() -> None:
    leads = TunnelTargets()
    leads.note(MAIN, "n1")
    leads.note(Path("/t/cd.1.sock"), "n2")
    leads.forget_jobs_except({"io.digits.0.1.ab"})
    assert (leads.node(MAIN), leads.node(Path("/t/cd.1.sock"))) == ("n1", None)
