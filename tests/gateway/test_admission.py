"""`max_inflight`: nginx keeps the limit, and the application lets the next ones through."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from service_management.gateway.queue_flags import queue_flag
from tests.gateway.application import Application
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.upstream import Upstream
from tests.gateway.waiting import until


@dataclass
class Site:
    gateway: Gateway
    application: Application
    pool: ThreadPoolExecutor

    def ready(self, route: str) -> Upstream:
        (upstream,) = self.replicas(route, 1)
        return upstream

    def replicas(self, route: str, number: int) -> list[Upstream]:
        upstreams = [self.gateway.replica(route, position) for position in range(number)]
        self.application.show(route, ready=number)
        return upstreams

    def waiting(self, route: str) -> int:
        return self.application.admission.position(route).place - 1

    def send(self, target: str, client: str = "127.0.0.1", wait: int = 60) -> Future[tuple]:
        """From an address of this machine. Its body is its own path."""
        return self.pool.submit(self._send, target, client, wait)

    def queue(self, *sent: tuple[str, str]) -> list[Future[tuple]]:
        """In this order: one waits before the next is sent."""
        futures = []
        for target, client in sent:
            route = target.split("/")[1]
            before = self.waiting(route)
            futures.append(self.send(target, client))
            until(lambda route=route, before=before: self.waiting(route) == before + 1)
        return futures

    def _send(self, target: str, client: str, wait: int) -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.gateway.port, timeout=60, source_address=(client, 0)
        )
        try:
            headers = {"Prefer": f"wait={wait}"}
            connection.request("POST", target, target.encode(), headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    services = [
        service("one", max_inflight=1),
        service("two", max_inflight=2),
        service("exact", "/x/busy", max_inflight=1),
        service("slow", max_inflight=1),
        service("three", max_inflight=1, max_replicas=3),
        service("flagged", max_inflight=2),
        service("cold", max_inflight=3),
    ]
    address = tmp_path_factory.mktemp("app") / "socket"
    application = Application(address, services)
    gateway = Gateway(flask=f"unix:{address}")
    with ThreadPoolExecutor(64) as pool:
        try:
            gateway.start(*services)
            application.start(gateway.run_dir, gateway.settings.freed_places)
            until(gateway.settings.freed_places.exists)
            yield Site(gateway, application, pool)
        finally:
            application.stop()
            gateway.stop()


def numbers(upstream: Upstream) -> list[str]:
    return [path.split("/")[1] for path in upstream.paths()]


def test_no_more_than_the_limit_at_once_and_all_are_served(site: Site) -> None:
    upstream, before = site.ready("two"), site.application.asked
    answers = [site.send(f"/two/{number}/busy") for number in range(40)]
    results = [answer.result(60) for answer in answers]
    assert site.application.asked - before < 50  # once each, but for a few: no crowd tries again
    assert {status for status, _, _ in results} == {200}
    assert upstream.most_at_once == 2
    # Each body once, and whole.
    assert len(upstream.seen) == 40
    assert {seen.digest for seen in upstream.seen} == {
        json.loads(body)["sha256"] for *_, body in results
    }
    assert len({seen.digest for seen in upstream.seen}) == 40
    assert any("X-Cold-Start" in headers for _, headers, _ in results)
    assert site.application.controller.suspected == []
    until(lambda: not queue_flag(site.gateway.run_dir, "two").is_symlink())


def test_each_of_several_replicas_keeps_the_limit(site: Site) -> None:
    upstreams = site.replicas("three", 3)
    answers = [site.send(f"/three/{number}/busy") for number in range(40)]
    assert {answer.result(60)[0] for answer in answers} == {200}
    assert [upstream.most_at_once for upstream in upstreams] == [1, 1, 1]
    assert sum(len(upstream.seen) for upstream in upstreams) == 40


def test_clients_take_turns_and_newcomers_wait_for_theirs(site: Site) -> None:
    upstream = site.ready("one")
    first = site.send("/one/first/silent")
    until(upstream.paths)
    a, b = "127.0.0.2", "127.0.0.3"
    waiting = site.queue(*[(f"/one/a{n}/busy", a) for n in range(4)])
    waiting += site.queue(("/one/b0/busy", b), ("/one/b1/busy", b))
    stopped = threading.Event()

    def one_after_the_other() -> None:
        """It is always there when a place becomes free."""
        while not stopped.is_set():
            site._send("/one/c/busy", "127.0.0.4", 60)

    greedy = site.pool.submit(one_after_the_other)
    until(lambda: site.waiting("one") == 7)
    upstream.script.release.set()
    assert {answer.result(60)[0] for answer in [first, *waiting]} == {200}
    stopped.set()
    greedy.result(60)
    order = numbers(upstream)
    assert order[:6] == ["first", "a0", "b0", "c", "a1", "b1"]
    assert order.index("a3") < 12
    assert upstream.most_at_once == 1


def test_past_patience_the_answer_names_the_place(site: Site) -> None:
    upstream = site.ready("slow")
    first = site.send("/slow/silent")
    until(upstream.paths)
    waiting = site.queue(*[(f"/slow/{number}/busy", "127.0.0.1") for number in range(2)])
    for wait in (0, 1):
        status, headers, body = site.send("/slow/x", wait=wait).result(20)
        problem = json.loads(body)
        assert (status, headers["Retry-After"]) == (429, "5")
        assert problem["type"].endswith(":service-full")
        assert (problem["service"], problem["state"]) == ("slow", "ready")
        assert (problem["place"], problem["waiting"]) == (3, 3)
        assert f"waited for {wait} s, and is number 3 of 3" in problem["detail"]
    upstream.script.release.set()
    assert {answer.result(20)[0] for answer in [first, *waiting]} == {200}
    assert "/x" not in upstream.paths()


def test_an_exact_path_is_limited_too(site: Site) -> None:
    upstream = site.ready("exact")
    answers = [site.send(f"/exact/x/busy?n={number}") for number in range(5)]
    assert {answer.result(20)[0] for answer in answers} == {200}
    assert upstream.most_at_once == 1
    assert sorted(upstream.paths()) == [f"/x/busy?n={number}" for number in range(5)]


def test_what_waited_for_the_start_is_released_by_places(site: Site) -> None:
    answers = [site.send(f"/cold/{number}/busy") for number in range(30)]
    until(lambda: site.waiting("cold") == 30)
    upstream = site.ready("cold")
    assert {answer.result(60)[0] for answer in answers} == {200}
    assert upstream.most_at_once <= 3
    assert len(upstream.seen) == 30


def test_a_flag_of_a_process_that_ended_stops_no_request(site: Site) -> None:
    site.ready("flagged")
    flag = queue_flag(site.gateway.run_dir, "flagged")
    flag.parent.mkdir(exist_ok=True)
    flag.symlink_to("/proc/0/stat")
    assert site.send("/flagged/x/busy").result(20)[1].get("X-Cold-Start") is None
    flag.unlink()
    flag.symlink_to(f"/proc/{os.getpid()}/stat")
    assert site.send("/flagged/x/busy").result(20)[1].get("X-Cold-Start") is not None
    flag.unlink(missing_ok=True)
