"""What a line of nginx's logs counts as."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service_management.usage.log_format import Request, parse, tally
from tests.unit.usage.log_lines import ADDRESS, ENDED, OLD, held, line, notable_line, old_line

FLASK = "127.0.0.1:5001"


def parsed(text: bytes) -> Request:
    request = parse(text)
    assert request is not None
    return request


def test_a_line_is_a_request() -> None:
    assert parse(line("digits", 404, 0.25)) == Request("digits", 404, ENDED + 1, 0.25, 100, 200)


def test_the_time_has_the_zone_that_nginx_wrote() -> None:
    zoned = line().replace(b"2023-11-14T22:13:20+00:00", b"2023-11-15T00:13:20+02:00")
    assert zoned != line()
    assert parse(zoned) == parse(line())


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert parse(line() + b"\t0123456789ab\ttask-7") == parse(line())


@pytest.mark.parametrize("seconds", [0.0, 3.2])
def test_a_held_request_has_its_wait_and_first_byte(seconds: float) -> None:
    request = parsed(line(held=held(seconds)))
    assert (request.cold_start, request.first_byte) == (seconds, 0.002)
    assert not request.quiet
    assert parsed(line()).cold_start is None


@pytest.mark.parametrize(
    ("times", "last", "seconds"),
    [
        ("- : 1.009 : 0.003", ADDRESS, 0.003),
        ("- : 1.009 : -", ADDRESS, None),
        ("- : 1.009 : - : 0.5", f"{ADDRESS} : {FLASK}", None),
        ("- : 1.009 : - : 0.5", f"{ADDRESS} : unix:/run/io/control.sock", None),
    ],
)
def test_only_the_services_own_first_byte_counts(
    times: str, last: str, seconds: float | None
) -> None:
    assert parsed(line(held=held(1.0, times, last))).first_byte == seconds


def test_quiet_paths_and_the_gateways_own_are_quiet() -> None:
    assert parsed(line(quiet="1")).quiet
    assert parsed(line(service="")).quiet


def test_a_line_of_the_previous_version_says_the_same() -> None:
    old = parsed(old_line())
    assert old._replace(ended=ENDED + 1) == parse(line())
    assert old.ended == 1700000000.123
    cold = parsed(old_line(cold_start=3.2, upstream_header_time="- : 1.009 : 0.002"))
    assert cold._replace(ended=ENDED + 1) == parse(line(held=held(3.2)))


def test_a_line_of_an_older_version_has_its_numbers_in_quotes() -> None:
    names = ("time", "status", "bytes_in", "bytes_out", "request_time")
    quoted = OLD | {name: str(OLD[name]) for name in names} | {"cold_start": ""}
    assert parse(json.dumps(quoted).encode()) == parse(old_line())


@pytest.mark.parametrize("upstream", ["unix:/run/io/routes/a.0.quiet.sock", "", FLASK])
def test_quiet_requests_of_the_previous_version_are_quiet(upstream: str) -> None:
    assert parsed(old_line(upstream=upstream)).quiet


def test_invalid_utf_8_does_not_hide_an_old_request() -> None:
    assert parse(old_line().replace(b"predict", b"\xff\xfe")) is not None


BROKEN = [
    b"",
    b"{",
    b"[]",
    b"7",
    b"{}",
    b'"x"',
    b"\0" * 9,
    old_line() + b"x",
    b"\t" * 7,
    b"\xff" + line(),
]
CHANGES: list[dict[str, Any]] = [
    {"status": "-"},
    {"seconds": ""},
    {"held": "3.2"},
    {"sent": "x"},
]


@pytest.mark.parametrize("text", [*BROKEN, old_line(time=""), *(line(**c) for c in CHANGES)])
def test_a_malformed_line_is_not_a_request(text: bytes) -> None:
    assert parse(text) is None


def test_alike_requests_are_counted_together() -> None:
    lines = [line(), line(), line(status=404), line(ended=ENDED + 1)]
    requests, malformed = tally(lines)
    assert [(request.status, request.ended, times) for request, times in requests] == [
        (200, ENDED + 1, 2),
        (404, ENDED + 1, 1),
        (200, ENDED + 2, 1),
    ]
    assert malformed == 0


def test_a_line_for_people_is_not_counted() -> None:
    assert tally([notable_line(), line()]) == ([(parse(line()), 1)], 0)


def test_malformed_lines_are_counted_as_such() -> None:
    assert tally([b"", b"{}", b"\xff\xfe", b"\xff\xfe", line()])[1] == 4
