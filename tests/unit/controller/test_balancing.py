"""`ssh_connections: "auto"`: when a service's requests move to another SSH connection."""

from __future__ import annotations

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
from service_management.controller.publishing import RoutePublisher
from service_management.controller.socket_paths import sockets
from service_management.gateway.inflight import Sample
from service_management.lifecycle.record import Job, Record
from service_management.lifecycle.states import State
from tests.unit.controller.samples import with_job

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


def record(name: str = "digits", state: State = State.READY, **keys: object) -> Record:
    made = with_job(name, state, 0.0, **keys)
    assert made.job is not None
    return replace(made, job=replace(made.job, name=f"io.{name}.0.8080.{name}"))


def job_of(record: Record) -> Job:
    assert record.job is not None
    return record.job


def sample(*connected: tuple[Record, int, int]) -> Sample:
    """(service, number of its connection, requests)."""
    counts = {str(sockets(RUN_DIR, job_of(r)).clients[n]): count for r, n, count in connected}
    return Sample(counts, frozenset(counts), known=True)


def moved(balancer: ConnectionBalancer, seen: Sample, now: float, *records: Record) -> list[int]:
    balancer.balance(records, seen, now)
    return [balancer.number(job_of(one)) for one in records]


@pytest.fixture
def balancer() -> ConnectionBalancer:
    return ConnectionBalancer(lambda _: 8)


def test_a_service_with_many_streams_does_not_crowd_others(balancer: ConnectionBalancer) -> None:
    """It fills one connection; the other service leaves it, also between its requests."""
    small, streams = record("small"), record("streams")
    assert moved(balancer, sample((small, 0, 1)), 0.0, small, streams) == [0, 0]
    crowded = sample((streams, 0, CROWDED + 1))
    assert moved(balancer, crowded, 10.0, small, streams) == [1, 0]
    full = sample((streams, 0, FULL + 1), (small, 1, 64))
    assert moved(balancer, full, 20.0, small, streams) == [1, 2]


def test_services_with_requests_leave_a_crowded_connection(balancer: ConnectionBalancer) -> None:
    one, two, idle = record("one"), record("two"), record("idle")
    seen = sample((one, 0, MANY), (two, 0, 3))
    assert moved(balancer, seen, 1.0, one, two, idle) == [1, 1, 0]
    asked = balancer.balance([one, two, idle], seen, 1.2)
    assert [(r.route, n) for r, n in asked] == [("one", 1), ("two", 1)]


def test_a_fixed_number_of_connections_is_left_alone(balancer: ConnectionBalancer) -> None:
    fixed = record("fixed", ssh_connections=2)
    assert moved(balancer, sample((fixed, 0, 1000)), 1.0, fixed) == [0]
    assert balancer.needed([fixed], 1.0) == {(login_of(fixed).id, 1)}


def test_the_configured_maximum_is_kept() -> None:
    one = record("one")
    full = sample((one, 0, 2 * MANY), (one, 1, MANY))
    for most, number in ((1, 0), (2, 0), (3, 2)):
        assert moved(ConnectionBalancer(lambda _, n=most: n), full, 1.0, one) == [number]


def test_a_further_connection_is_given_up_after_a_while(balancer: ConnectionBalancer) -> None:
    one = record("one")
    connection = (login_of(one).id, 1)
    assert moved(balancer, sample((one, 0, MANY)), 0.0, one) == [1]
    assert moved(balancer, sample((one, 1, 5)), 100.0, one) == [1]
    quiet = 100.0 + KEPT
    assert moved(balancer, sample(), quiet - 1, one) == [1]
    assert connection in balancer.needed([one], quiet - 1)
    assert connection not in balancer.needed([one], quiet)
    assert moved(balancer, sample(), quiet, one) == [0]


def test_streams_keep_their_connection_after_a_restart(balancer: ConnectionBalancer) -> None:
    one = record("one")
    balancer.balance([one], sample((one, 3, 1)), 5.0)
    assert (login_of(one).id, 3) in balancer.needed([one], 5.0)


def test_a_refused_connection_is_not_tried_for_an_hour(balancer: ConnectionBalancer) -> None:
    one = record("one")
    crowded = sample((one, 0, MANY))
    assert moved(balancer, crowded, 0.0, one) == [1]
    balancer.refused((login_of(one).id, 1), 1.0)
    assert moved(balancer, crowded, 2.0, one) == [0]
    assert moved(balancer, crowded, REFUSED_FOR + 1, one) == [1]


def test_requests_go_to_the_selected_tunnel_once_it_is_up() -> None:
    one = record("one")
    paths, shown = sockets(RUN_DIR, job_of(one)), []
    up, number = {paths.main}, [0]

    class Links:
        def published(self) -> list[str]:
            return []

        def publish(self, _route: str, tunnels: tuple[Path, ...], _quiet: Path) -> None:
            shown.append(tunnels)

        def unpublish(self, _route: str) -> None: ...

    publisher = RoutePublisher(
        Links(),
        lambda _: paths,
        lambda _, path: path in up,
        lambda _: number[0],
    )
    publisher.publish(one)
    for number[0], up_now in ((1, set()), (1, {1}), (2, {1}), (2, {1, 2}), (2, {1})):
        up |= {paths.clients[n] for n in up_now}
        up -= {paths.clients[n] for n in (1, 2) if n not in up_now}
        publisher.refresh([one])
    assert shown == [(paths.clients[n],) for n in (0, 1, 2, 0)]
