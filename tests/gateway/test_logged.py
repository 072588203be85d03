"""Every request has a short line in counts.log; a notable one also an object in access.log."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from service_management.usage.log_format import Request, parse
from tests.gateway.client import Answer, connect
from tests.gateway.control_plane import ready
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.waiting import until

NUMBERS = ("time", "status", "bytes_in", "bytes_out", "request_time")
_IDS = count()


def traced() -> tuple[str, str]:
    """With it, a request is notable."""
    return "X-Request-ID", f"traced-{next(_IDS)}"


def lines(gateway: Gateway) -> list[bytes]:
    return gateway.settings.access_log.read_bytes().splitlines()


def by_id(gateway: Gateway) -> dict[str, dict[str, Any]]:
    texts = (line.decode(errors="replace") for line in lines(gateway))
    return {entry["request_id"]: entry for entry in map(json.loads, texts)}


def entries(gateway: Gateway, *answers: Answer) -> list[dict[str, Any]]:
    """What access.log has about them, in this order."""
    ids = [answer.one("X-Request-ID") for answer in answers]
    until(lambda: set(ids) <= set(by_id(gateway)))
    return [by_id(gateway)[each] for each in ids]


@pytest.fixture
def alone(make_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway of the test's own: no line of an earlier request is still in nginx's buffer."""
    return make_gateway(
        service("exact", "/predict", "/v1/*"), service("whole"), service("short", max_body=1000)
    )


class Counted:
    """The requests in counts.log from now on."""

    def __init__(self, gateway: Gateway) -> None:
        self._log = gateway.settings.counts_log
        self._before = len(self._lines())

    def _lines(self) -> list[bytes]:
        return self._log.read_bytes().splitlines()

    def until(self, number: int) -> list[Request]:
        until(lambda: len(self._lines()) >= self._before + number)
        found = [parse(line) for line in self._lines()[self._before :]]
        assert len(found) == number
        assert all(found)
        return [request for request in found if request]


def test_a_usual_request_has_a_short_line_only(alone: Gateway) -> None:
    alone.warm("whole")
    seen = Counted(alone)
    answers = [alone.call("/whole/x", "POST", body=b"1234") for _ in range(3)]
    last = alone.call("/whole/x", headers=[traced()])
    entries(alone, last)
    assert not {answer.one("X-Request-ID") for answer in answers} & set(by_id(alone))
    found = seen.until(4)
    assert {(r.service, r.status, r.quiet, r.cold_start) for r in found} == {
        ("whole", 200, False, None)
    }
    assert all(r.received > 20 and r.sent > 100 for r in found)


def test_alike_requests_are_alike_lines(alone: Gateway) -> None:
    alone.warm("exact")
    seen = Counted(alone)
    for _ in range(20):
        alone.call("/exact/predict")
    alike = [request._replace(ended=0, seconds=0) for request in seen.until(20)]
    # A request id has the clock and a counter in it: their digits may grow by one.
    assert len({request._replace(sent=0) for request in alike}) == 1
    assert len(set(alike)) <= 4


def test_a_line_says_why_it_is_there(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(service("a"), service("b", access_log="full"))
    gateway.control.hold = lambda asked: (gateway.warm(asked.route), ready(asked))[1]
    cold = gateway.call("/a/x")
    upstream = gateway.warm("a")
    upstream.script.status = 418
    error = gateway.call("/a/x", headers=[traced()])
    upstream.script.status = 207
    asked = gateway.call("/a/x", headers=[traced()])
    gateway.warm("b")
    full = gateway.call("/b/x")
    found = entries(gateway, cold, error, asked, full, gateway.call("/nowhere"))
    assert [entry["why"] for entry in found] == ["cold", "error", "request_id", "full", "error"]


def test_a_slow_request_is_notable(gateway: Gateway) -> None:
    upstream = gateway.warm("whole")
    with connect(gateway.port) as connection:
        connection.sendall(b"GET /whole/stream?slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: upstream.seen)
        connection.settimeout(1.1)
        with pytest.raises(TimeoutError):
            while connection.recv(65536):
                pass
        upstream.script.release.set()

    def slow() -> list[dict[str, Any]]:
        return [e for e in by_id(gateway).values() if "/stream?slow" in e["request"]]

    until(slow)
    assert [(entry["why"], entry["status"]) for entry in slow()] == [("slow", 200)]
    assert slow()[0]["request_time"] >= 1


def test_the_full_log_is_switched_on_by_an_edit(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(service("a"))
    gateway.warm("a")
    before = gateway.call("/a/x")
    gateway.serve(service("a", access_log="full"))
    after = gateway.call("/a/x")
    assert entries(gateway, after)[0]["why"] == "full"
    assert before.one("X-Request-ID") not in by_id(gateway)


def test_only_requests_that_ask_for_the_service_are_demand(alone: Gateway) -> None:
    alone.warm("exact")
    asked = {
        "/exact/predict": False,
        "/exact/v1/chat": False,
        "/exact/health": True,
        "/exact/undeclared": True,
        "/exact/v1": True,
        "/exact/v1/%2e%2e/x": True,
        "/exact/": True,
        "/exact": True,
        "/info": True,
    }
    seen = Counted(alone)
    for number, path in enumerate(asked):  # told apart by their lengths
        alone.call(path, headers=[("X-Long", 100 * number * "x")])
    found = sorted(seen.until(len(asked)), key=lambda request: request.received)
    quiet = dict(zip(asked, (request.quiet for request in found), strict=True))
    assert quiet == asked


def test_a_body_that_is_too_large_is_no_demand(alone: Gateway) -> None:
    seen = Counted(alone)
    assert alone.call("/short/x", "POST", body=b"x" * 1001).status == 413
    [request] = seen.until(1)
    assert (request.service, request.quiet) == ("short", True)


def test_a_refused_cold_request_is_demand(alone: Gateway) -> None:
    seen = Counted(alone)
    assert alone.call("/whole/x").status == 503
    [request] = seen.until(1)
    assert (request.quiet, request.cold_start) == (False, None)


def test_whatever_a_client_sends_is_one_object(gateway: Gateway) -> None:
    gateway.warm("whole")
    answer = gateway.call('/whole/x?"\\', "PUT", [("User-Agent", 'quo"te\\'), traced()], b"x")
    missing = gateway.call("/whole2/x", "DELETE")
    found = entries(gateway, answer, missing)
    assert [entry["request"].split()[0] for entry in found] == ["PUT", "DELETE"]
    assert [entry["status"] for entry in found] == [200, 404]
    assert [entry["service"] for entry in found] == ["whole", ""]
    assert '/whole/x?"\\' in found[0]["request"]
    assert found[0]["user_agent"] == 'quo"te\\'


def test_numbers_are_numbers(gateway: Gateway) -> None:
    gateway.warm("whole")
    (entry,) = entries(gateway, gateway.call("/whole/x", headers=[traced()]))
    assert {name: type(entry[name]) for name in NUMBERS} == {
        name: float if "time" in name else int for name in NUMBERS
    }
    assert entry["upstream_status"] == "200"
    assert float(entry["upstream_header_time"]) <= float(entry["upstream_response_time"])


def test_the_replica_that_answered_is_named(gateway: Gateway) -> None:
    gateway.warm("exact")
    paths = ("/exact/predict", "/exact/health")
    answers = [gateway.call(path, headers=[traced()]) for path in paths]
    assert [entry["replica"] for entry in entries(gateway, *answers)] == [0, 0]


def test_a_replica_has_one_number_for_all_its_connections(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(service("v1.7", "/x", ssh_connections=3, access_log="full"))
    gateway.warm("v1.7")
    found = entries(gateway, *(gateway.call("/v1.7/x") for _ in range(6)))
    assert len({entry["upstream"] for entry in found}) == 3
    assert {entry["replica"] for entry in found} == {0}


def test_no_replica_is_named_where_the_gateway_answered(gateway: Gateway) -> None:
    answers = [gateway.call(path, headers=[traced()]) for path in ("/nowhere", "/whole/x", "/info")]
    found = entries(gateway, *answers)
    assert [entry["status"] for entry in found] == [404, 503, 200]
    assert [entry["replica"] for entry in found] == [None] * 3


def test_a_held_request_has_its_wait_and_every_attempt(alone: Gateway) -> None:
    def warm_up(asked: Any) -> Any:
        alone.warm("exact")
        return ready(asked)

    alone.control.hold = warm_up
    seen = Counted(alone)
    held = alone.call("/exact/predict")
    warm = alone.call("/exact/predict", headers=[traced()])
    first, second = entries(alone, held, warm)
    assert (first["cold_start"], second["cold_start"]) == (1.5, None)
    assert (first["replica"], second["replica"]) == (0, 0)
    assert len(first["upstream"].split(" : ")) == 3
    counted = sorted(seen.until(2), key=lambda request: request.cold_start is None)
    counted_cold, counted_warm = counted
    assert (counted_cold.cold_start, counted_cold.quiet) == (1.5, False)
    assert counted_cold.first_byte is not None
    assert (counted_warm.cold_start, counted_warm.first_byte) == (None, None)


def test_broken_requests_leave_lines_that_can_be_read(alone: Gateway) -> None:
    before, seen = len(lines(alone)), Counted(alone)
    broken = (
        b"GET /whole/x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"\x00\xff\x01 nonsense\r\n\r\n",
        b"GET /whole/x\r\n\r\n",
        b"GET /whole/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    for request in broken:
        with connect(alone.port) as connection:
            connection.sendall(request)
            assert connection.recv(65536)
    until(lambda: len(lines(alone)) >= before + len(broken))
    for line in lines(alone)[before:]:
        assert json.loads(line.decode(errors="replace"))["why"] == "error"
    assert len(seen.until(len(broken))) == len(broken)
