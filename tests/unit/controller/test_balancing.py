"""`ssh_connections: "auto"`: when a service's requests move to another SSH connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from service_management.controller.balancing import (
    CROWDED,
    FULL,
    KEPT,
    REFUSED_FOR,
    ConnectionBalancer,
    choose,
)
from service_management.controller.polling import login_of
from service_management.controller.publishing import Position, RoutePublisher
from service_management.controller.socket_paths import sockets
from service_management.gateway.inflight import Sample
from service_management.lifecycle.record import ServiceRecord
from service_management.lifecycle.replica import Replica
from service_management.lifecycle.states import Phase, State
from tests.unit.controller.samples import with_job, with_jobs
from tests.unit.records import only

RUN_DIR = Path("/run/io")
MANY = FULL + 50


@pytest.mark.parametrize(
    ("current", "channels", "most", "few", "many"),
    [
        (0, [CROWDED], 8, 0, 0),
        (0, [CROWDED + 1], 8, 1, 0),
        (0, [CROWDED + 1], 1, 0, 0),
        (0, [FULL + 1], 8, 1, 1),
        (0, [FULL + 1, 10], 8, 1, 2),
        (0, [FULL + 1, 10], 2, 1, 1),
        (0, [FULL + 1, 10, 200, 300], 8, 1, 3),
        (1, [10, CROWDED], 8, 1, 1),
        (1, [1000, 300, 200], 3, 1, 1),
        (1, [1000, 300, 149], 3, 2, 1),
        (1, [1000, 300, 200], 4, 3, 1),
        (1, [600, 600, 550], 3, 1, 1),
        (3, [50, 20], 2, 1, 1),
    ],
)
def test_the_connection_for_new_requests(current, channels, most, few, many) -> None:
    assert choose(current, channels, most) == few
    assert choose(current, channels, most, many=True) == many


def replica(route: str, **keys: object) -> Replica:
    return only(with_job(route, State.READY, 0.0, **keys)).with_job(name=f"io.{route}.s0.{route}")


def replicas() -> tuple[Replica, ...]:
    return with_jobs("digits", 0.0, State.READY, State.READY).replicas


def sample(*connected: tuple[Replica, int, int]) -> Sample:
    """(replica, number of its connection, requests)."""
    counts = {str(sockets(RUN_DIR, r.job).clients[n]): count for r, n, count in connected}
    return Sample(counts, frozenset(counts), known=True)


def moved(balancer: ConnectionBalancer, seen: Sample, now: float, *replicas: Replica) -> list[int]:
    balancer.balance(replicas, seen, now)
    return [balancer.number(one.job) for one in replicas]


@pytest.fixture
def balancer() -> ConnectionBalancer:
    return ConnectionBalancer(lambda _: 8)


def test_a_service_with_many_streams_does_not_crowd_others(balancer: ConnectionBalancer) -> None:
    """It fills one connection; the other service leaves it, also between its requests."""
    small, streams = replica("small"), replica("streams")
    assert moved(balancer, sample((small, 0, 1)), 0.0, small, streams) == [0, 0]
    crowded = sample((streams, 0, CROWDED + 1))
    assert moved(balancer, crowded, 10.0, small, streams) == [1, 0]
    full = sample((streams, 0, FULL + 1), (small, 1, 64))
    assert moved(balancer, full, 20.0, small, streams) == [1, 2]


def test_services_with_requests_leave_a_crowded_connection(balancer: ConnectionBalancer) -> None:
    one, two, idle = replica("one"), replica("two"), replica("idle")
    seen = sample((one, 0, MANY), (two, 0, 3))
    assert moved(balancer, seen, 1.0, one, two, idle) == [1, 1, 0]
    asked = balancer.balance([one, two, idle], seen, 1.2)
    assert [(r.route, n) for r, n in asked] == [("one", 1), ("two", 1)]


def test_replicas_of_a_service_move_independently(balancer: ConnectionBalancer) -> None:
    streams, small = replicas()
    crowded = sample((streams, 0, CROWDED + 1), (small, 0, 1))
    assert moved(balancer, crowded, 0.0, streams, small) == [0, 1]
    assert moved(balancer, sample((streams, 0, CROWDED + 1), (small, 1, 1)), 1.0, small) == [1]


def test_only_a_ready_replica_has_a_further_connection(balancer: ConnectionBalancer) -> None:
    one, other = replicas()
    crowded = sample((one, 0, MANY), (other, 0, 1))
    assert moved(balancer, crowded, 0.0, one, other) == [1, 1]
    draining = replace(other, phase=Phase.DRAINING)
    assert moved(balancer, crowded, 1.0, one, draining) == [1, 0]


def test_a_fixed_number_of_connections_is_left_alone(balancer: ConnectionBalancer) -> None:
    fixed = replica("fixed", ssh_connections=2)
    assert moved(balancer, sample((fixed, 0, 1000)), 1.0, fixed) == [0]
    assert balancer.needed([fixed], 1.0) == {(login_of(fixed).id, 1)}


def test_the_configured_maximum_is_kept() -> None:
    one = replica("one")
    full = sample((one, 0, 2 * MANY), (one, 1, MANY))
    for most, number in ((1, 0), (2, 0), (3, 2)):
        assert moved(ConnectionBalancer(lambda _, n=most: n), full, 1.0, one) == [number]


def test_a_further_connection_is_given_up_after_a_while(balancer: ConnectionBalancer) -> None:
    one = replica("one")
    connection = (login_of(one).id, 1)
    assert moved(balancer, sample((one, 0, MANY)), 0.0, one) == [1]
    assert moved(balancer, sample((one, 1, 5)), 100.0, one) == [1]
    quiet = 100.0 + KEPT
    assert moved(balancer, sample(), quiet - 1, one) == [1]
    assert connection in balancer.needed([one], quiet - 1)
    assert connection not in balancer.needed([one], quiet)
    assert moved(balancer, sample(), quiet, one) == [0]


def test_streams_keep_their_connection_after_a_restart(balancer: ConnectionBalancer) -> None:
    one = replica("one")
    balancer.balance([one], sample((one, 3, 1)), 5.0)
    assert (login_of(one).id, 3) in balancer.needed([one], 5.0)


def test_a_refused_connection_is_not_tried_for_an_hour(balancer: ConnectionBalancer) -> None:
    one = replica("one")
    crowded = sample((one, 0, MANY))
    assert moved(balancer, crowded, 0.0, one) == [1]
    balancer.refused((login_of(one).id, 1), 1.0)
    assert moved(balancer, crowded, 2.0, one) == [0]
    assert moved(balancer, crowded, REFUSED_FOR + 1, one) == [1]


def test_requests_go_to_the_selected_tunnel_once_it_is_up() -> None:
    one = replica("one")
    record = ServiceRecord("one", (one,))
    paths, shown = sockets(RUN_DIR, one.job), []
    up, number = {paths.main}, [0]

    class Links:
        def published(self) -> dict[Position, Path]:
            return {}

        def damaged(self, _positions: Collection[Position]) -> list[Position]:
            return []

        def publish(
            self, _route: str, position: int, tunnels: tuple[Path, ...], _quiet: Path
        ) -> None:
            assert position == 0
            shown.append(tunnels)

        def unpublish(self, _route: str, _position: int) -> None: ...

    publisher = RoutePublisher(
        Links(),
        lambda _: paths,
        lambda _, path: path in up,
        lambda _: number[0],
    )
    publisher.publish(record)
    for number[0], up_now in ((1, set()), (1, {1}), (2, {1}), (2, {1, 2}), (2, {1})):
        up |= {paths.clients[n] for n in up_now}
        up -= {paths.clients[n] for n in (1, 2) if n not in up_now}
        publisher.refresh([record])
    assert shown == [(paths.clients[n],) for n in (0, 1, 2, 0)]
