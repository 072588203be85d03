"""A service with several replicas: who gets a request, and what happens where one is missing."""

from __future__ import annotations

import hashlib
import http.client
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Event
from typing import Any

import pytest

from service_management.config import MOST_CONNECTIONS
from service_management.gateway import routes
from tests.gateway.control_plane import ready
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.upstream import Upstream
from tests.gateway.waiting import until

SAFE, UNSAFE = ("GET", "HEAD", "OPTIONS"), ("POST", "PUT", "PATCH", "DELETE", "PURGE")


@pytest.fixture(scope="module")
def _one() -> Iterator[Gateway]:
    gateway = Gateway()
    try:
        yield gateway.start(
            service("four", max_replicas=4),
            service("short", max_replicas=2, request_timeout=0.5),
            service("spread", max_replicas=2, ssh_connections=3),
            service("most", max_replicas=64, ssh_connections=MOST_CONNECTIONS),
            service(
                "exact",
                *("/x", "/v1/*"),
                max_replicas=2,
                local_host="127.0.0.1",
                local_port=gateway.local_port,
            ),
        )
    finally:
        gateway.stop()


@pytest.fixture
def several(_one: Gateway) -> Iterator[Gateway]:
    yield _one
    _one.cool()


def post(gateway: Gateway, target: str, times: int, method: str = "POST") -> list[int]:
    """One after the other on one connection; every body is different."""
    statuses = []
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)) as connection:
        for _ in range(times):
            connection.request(method, target, os.urandom(64))
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
    return statuses


def load(gateway: Gateway, target: str, clients: int, times: int) -> Counter[int]:
    with ThreadPoolExecutor(clients) as pool:
        done = pool.map(lambda _: post(gateway, target, times), range(clients))
        return Counter(status for statuses in done for status in statuses)


@contextmanager
def under_load(gateway: Gateway, target: str, clients: int = 8) -> Iterator[Counter[int]]:
    """Half of the clients send POST, the others PUT. The counts are complete at the end."""
    over, statuses = Event(), Counter[int]()

    def client(number: int) -> Counter[int]:
        seen = Counter[int]()
        while not over.is_set():
            seen.update(post(gateway, target, 10, "PUT" if number % 2 else "POST"))
        return seen

    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(client, number) for number in range(clients)]
        try:
            yield statuses
        finally:
            over.set()
            for each in running:
                statuses.update(each.result(30))


def repeated(*replicas: Upstream) -> list[str]:
    """Bodies that arrived more than once, wherever."""
    bodies = Counter(seen.digest for replica in replicas for seen in replica.seen)
    return [body for body, times in bodies.items() if times > 1]


def errors(gateway: Gateway) -> list[str]:
    return gateway.settings.error_log.read_text().splitlines()


def missing(gateway: Gateway) -> int:
    """How often nginx has met a position without a replica."""
    return sum("No such file" in line for line in errors(gateway))


def test_three_replicas_share_the_load_evenly(several: Gateway) -> None:
    replicas = several.replicas("four", 3)
    for replica in replicas:
        replica.script.pause = 0.02
    assert load(several, "/four/x", clients=24, times=20) == {200: 480}
    assert all(144 <= len(replica.seen) <= 176 for replica in replicas)


@pytest.mark.parametrize("method", [*SAFE, *UNSAFE])
def test_absent_replicas_are_skipped_at_once(several: Gateway, method: str) -> None:
    only, body = several.replica("four", 0), os.urandom(1000)
    before, statuses = missing(several), set()
    while missing(several) < before + 3:  # nginx tries each of the three once a second
        statuses.add(several.call("/four/x", method, body=body).status)
    assert statuses == {200}
    assert several.control.of("hold") == []
    assert {seen.method for seen in only.seen} == {method}
    assert {seen.digest for seen in only.seen} == {hashlib.sha256(body).hexdigest()}


def test_absent_replicas_leave_few_lines_in_the_error_log(several: Gateway) -> None:
    several.replica("four", 0)
    before = len(errors(several))
    statuses = load(several, "/four/x", clients=8, times=300)
    assert statuses == {200: 2400}
    # Two for each absent replica and second.
    assert len(errors(several)) - before < 240


def test_a_replica_that_leaves_costs_no_request(several: Gateway) -> None:
    replicas = several.replicas("four", 3)
    with under_load(several, "/four/x") as statuses:
        until(lambda: all(replica.seen for replica in replicas))
        routes.unpublish(several.run_dir, "four", 2)
        routes.unpublish(several.run_dir, "four", 1)
        before = len(replicas[0].seen)
        until(lambda: len(replicas[0].seen) > before + 500)
    assert set(statuses) == {200}
    assert several.control.of("hold") == []
    assert not repeated(*replicas)


def test_a_new_replica_gets_requests_within_a_second_or_so(several: Gateway) -> None:
    first = several.replica("four", 0)
    with under_load(several, "/four/x") as statuses:
        until(lambda: len(first.seen) > 100)
        second = several.replica("four", 1)
        until(lambda: len(second.seen) > 20, 2)
    assert set(statuses) == {200}


@pytest.mark.parametrize("method", UNSAFE)
def test_what_was_sent_goes_to_no_other_replica(several: Gateway, method: str) -> None:
    replicas = several.replicas("four", 4)
    for replica in replicas:
        replica.script.every = "drop"
    answer = several.call("/four/x", method, body=b"pay once")
    assert answer.status == 503
    (asked,) = several.control.about(answer)[-1:]
    assert int((asked.get("X-Hold-Sent") or "").rpartition(" ")[2]) > 0
    assert sum(len(replica.seen) for replica in replicas) == 1


def test_what_was_sent_after_a_skipped_replica_is_not_repeated(several: Gateway) -> None:
    broken = several.replica("four", 0)
    broken.script.every = "drop"
    before = missing(several)
    until(lambda: several.call("/four/x", "PUT", body=os.urandom(9)) and missing(several) > before)
    assert not repeated(broken)
    sent = [asked.get("X-Hold-Sent") or "" for asked in several.control.of("hold")]
    assert all(int(each.rpartition(" ")[2]) > 0 for each in sent)


@pytest.mark.parametrize("method", SAFE)
def test_a_safe_request_goes_on_to_another_replica(several: Gateway, method: str) -> None:
    _good, broken = several.replicas("four", 2)
    broken.script.every = "drop"
    statuses = set()
    while not broken.seen:
        statuses.add(several.call("/four/x", method).status)
    assert statuses == {200}
    assert several.control.of("hold") == []


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_replica_that_dies_in_an_answer_is_not_asked_twice(several: Gateway, method: str) -> None:
    replicas = several.replicas("four", 2)
    for replica in replicas:
        replica.script.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart"
        replica.script.release.set()
    with pytest.raises(http.client.IncompleteRead):
        several.call("/four/raw", method, body=b"x")
    assert sum(len(replica.seen) for replica in replicas) == 1


def test_a_frozen_replica_is_asked_once_and_then_avoided(several: Gateway) -> None:
    """While it holds a request it is the busier one. Taking it out is the health check's part."""
    good, frozen = several.replicas("short", 2)
    frozen.script.every = "silent"
    statuses = load(several, "/short/x", clients=6, times=40)
    assert set(statuses) == {200, 504}
    assert statuses[504] == len(frozen.seen) < 30
    assert not repeated(good, frozen)


def test_a_cold_request_is_held_and_replayed_as_it_was(several: Gateway) -> None:
    body = os.urandom(300_000)

    def hold(asked: Any) -> Any:
        if len(several.control.of("hold")) == 2:
            several.replica("four", 0)
        return ready(asked)

    several.control.hold = hold
    answer = several.call("/four/a%2Fb?c", "PUT", (), body)
    assert (answer.status, answer.one("X-Cold-Start")) == (200, "1.5")
    assert answer.json() == {
        "method": "PUT",
        "path": "/a%2Fb?c",
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    sent = [asked.get("X-Hold-Sent") or "" for asked in several.control.of("hold")]
    assert [len(each.split(" : ")) for each in sent] == [2, 4]
    assert {each.rpartition(" ")[2] for each in sent} == {"0"}


def test_a_quiet_path_is_answered_by_one_replica(several: Gateway) -> None:
    replicas = several.replicas("four", 3)
    for _ in range(5):
        assert several.call("/four/health").status == 200
    assert [len(replica.seen) for replica in replicas] == [5, 0, 0]


def test_replicas_with_several_connections_share_the_load(several: Gateway) -> None:
    replicas = several.replicas("spread", 2)
    assert load(several, "/spread/x", clients=6, times=50) == {200: 300}
    assert all(120 <= len(replica.seen) <= 180 for replica in replicas)


def test_one_of_64_replicas_serves_alone(several: Gateway) -> None:
    """And nginx's shared memory has room for all names."""
    last = several.replica("most", 0)
    assert load(several, "/most/x", clients=4, times=100) == {200: 400}
    assert len(last.seen) == 400


def test_paths_of_a_list_have_several_replicas_too(several: Gateway) -> None:
    replicas = several.replicas("exact", 2)
    for target in ("/exact/x", "/exact/v1/a%2Fb"):
        assert post(several, target, 20) == [200] * 20
    assert all(len(replica.seen) >= 15 for replica in replicas)


def test_at_its_own_address_a_service_has_all_replicas(several: Gateway) -> None:
    replicas = several.replicas("exact", 2)
    before = missing(several)
    assert {several.call_own("/x").status for _ in range(10)} == {200}
    assert all(len(replica.seen) >= 3 for replica in replicas)
    routes.unpublish(several.run_dir, "exact", 1)
    replicas[1].stop()
    while missing(several) == before:
        assert several.call_own("/v1/x").status == 200


def test_a_large_body_of_unknown_length_goes_on_whole(several: Gateway) -> None:
    only, body = several.replica("four", 0), os.urandom(3_000_000)
    before, statuses = missing(several), set()
    while missing(several) == before:
        statuses.add(several.call("/four/x", "PUT", body=iter([body])).status)
    assert statuses == {200}
    assert {seen.digest for seen in only.seen} == {hashlib.sha256(body).hexdigest()}


def test_a_route_is_reachable_if_any_replica_is(several: Gateway) -> None:
    assert not routes.accepts_connections(several.run_dir, "four")
    replicas = several.replicas("four", 4)
    routes.unpublish(several.run_dir, "four", 2)
    for replica in replicas:
        assert routes.accepts_connections(several.run_dir, "four")
        replica.stop()
    assert not routes.accepts_connections(several.run_dir, "four")
