"""One JSON object per request, with what a person asks of it: who answered, and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from service_management.usage.access_log import parse
from tests.gateway.client import Answer, connect
from tests.gateway.control_plane import ready
from tests.gateway.gateway import Gateway
from tests.gateway.services import service
from tests.gateway.waiting import until

NUMBERS = ("time", "status", "bytes_in", "bytes_out", "request_time")


def lines(gateway: Gateway) -> list[bytes]:
    return gateway.settings.access_log.read_bytes().splitlines()


def entries(gateway: Gateway, *answers: Answer) -> list[dict[str, Any]]:
    """What the log says of them, in this order."""
    ids = [answer.one("X-Request-ID") for answer in answers]

    def by_id() -> dict[str, dict[str, Any]]:
        texts = (line.decode(errors="replace") for line in lines(gateway))
        return {entry["request_id"]: entry for entry in map(json.loads, texts)}

    until(lambda: set(ids) <= set(by_id()))
    return [by_id()[each] for each in ids]


def test_whatever_a_client_sends_is_one_object(gateway: Gateway) -> None:
    gateway.warm("whole")
    answer = gateway.call('/whole/x?"\\', "PUT", [("User-Agent", 'quo"te\\')], b"x")
    missing = gateway.call("/whole2/x", "DELETE")
    found = entries(gateway, answer, missing)
    assert [entry["request"].split()[0] for entry in found] == ["PUT", "DELETE"]
    assert [entry["status"] for entry in found] == [200, 404]
    assert [entry["service"] for entry in found] == ["whole", ""]
    assert '/whole/x?"\\' in found[0]["request"]
    assert found[0]["user_agent"] == 'quo"te\\'


def test_numbers_are_numbers(gateway: Gateway) -> None:
    gateway.warm("whole")
    (entry,) = entries(gateway, gateway.call("/whole/x"))
    assert {name: type(entry[name]) for name in NUMBERS} == {
        name: float if "time" in name else int for name in NUMBERS
    }
    assert entry["upstream_status"] == "200"
    assert float(entry["upstream_header_time"]) <= float(entry["upstream_response_time"])


def test_the_replica_that_answered_is_named_also_on_a_quiet_path(gateway: Gateway) -> None:
    gateway.warm("exact")
    answers = [gateway.call("/exact/predict"), gateway.call("/exact/health")]
    assert [entry["replica"] for entry in entries(gateway, *answers)] == [0, 0]


def test_a_replica_has_one_number_however_many_connections_lead_to_it(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = make_gateway(service("v1.7", "/x", ssh_connections=3))
    gateway.warm("v1.7")
    found = entries(gateway, *(gateway.call("/v1.7/x") for _ in range(6)))
    assert len({entry["upstream"] for entry in found}) == 3
    assert {entry["replica"] for entry in found} == {0}


def test_nobody_answered_where_the_gateway_itself_did(gateway: Gateway) -> None:
    answers = [gateway.call("/nowhere"), gateway.call("/whole/x"), gateway.call("/info")]
    found = entries(gateway, *answers)
    assert [entry["status"] for entry in found] == [404, 503, 200]
    assert [entry["replica"] for entry in found] == [None] * 3


def test_a_request_that_was_held_tells_its_wait_and_every_attempt(gateway: Gateway) -> None:
    def warm_up(asked: Any) -> Any:
        gateway.warm("exact")
        return ready(asked)

    gateway.control.hold = warm_up
    held = gateway.call("/exact/predict")
    warm = gateway.call("/exact/predict")
    first, second = entries(gateway, held, warm)
    assert (first["cold_start"], second["cold_start"]) == (1.5, None)
    assert (first["replica"], second["replica"]) == (0, 0)
    assert len(first["upstream"].split(" : ")) == 3


def test_broken_requests_leave_lines_that_can_be_read(gateway: Gateway) -> None:
    before = len(lines(gateway))
    broken = (
        b"GET /whole/x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"\x00\xff\x01 nonsense\r\n\r\n",
        b"GET /whole/x\r\n\r\n",
        b"GET /whole/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    for request in broken:
        with connect(gateway.port) as connection:
            connection.sendall(request)
            assert connection.recv(65536)
    until(lambda: len(lines(gateway)) >= before + len(broken))
    assert all(parse(line) for line in lines(gateway)[before:])
