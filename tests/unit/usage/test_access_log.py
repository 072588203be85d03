"""What a line of nginx's access log says, and where reading goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service_management.usage.access_log import Request, parse, read, tally
from service_management.usage.rotation import files, rotate

FIELDS: dict[str, Any] = {
    "time": 1700000000.123,
    "service": "digits",
    "status": 200,
    "bytes_in": 310,
    "bytes_out": 1024,
    "request_time": 0.250,
    "cold_start": None,
    "upstream": "unix:/run/io/routes/digits.0.sock",
    "upstream_status": "200",
    "upstream_header_time": "0.004",
    "replica": 0,
    "request_id": "abc",
    "request": 'POST /digits/predict?" HTTP/1.1',
}
OLD_FIELDS = FIELDS | {
    "time": "1700000000.123",
    "status": "200",
    "bytes_in": "310",
    "bytes_out": "1024",
    "request_time": "0.250",
    "cold_start": "",
}


def line(**changes: Any) -> bytes:
    """As nginx writes it."""
    return json.dumps({**FIELDS, **changes}, separators=(",", ":")).encode()


def test_a_line_is_a_request() -> None:
    assert parse(line()) == Request("digits", 200, 1700000000.123, 0.25, 310, 1024)


def test_a_line_of_an_older_gateway_says_the_same() -> None:
    assert parse(json.dumps(OLD_FIELDS).encode()) == parse(line())
    cold = json.dumps(OLD_FIELDS | {"cold_start": "3.2"}).encode()
    assert parse(cold) == parse(line(cold_start=3.2))


def test_a_cold_start_and_a_quiet_path_are_seen() -> None:
    for seconds in (3.2, 0.0):
        cold = parse(line(cold_start=seconds))
        assert cold is not None
        assert cold.cold_start == seconds
    quiet = parse(line(upstream="unix:/run/io/routes/digits.0.quiet.sock"))
    assert quiet is not None
    assert quiet.quiet
    refused = parse(line(status=404, upstream=""))
    assert refused is not None
    assert refused.quiet


@pytest.mark.parametrize(
    ("times", "upstream", "seconds"),
    [
        ("- : 1.009 : 0.003", "unix:/a.0.sock : 127.0.0.1:5001 : unix:/a.0.sock", 0.003),
        ("- : 1.009 : -", "unix:/a.0.sock : 127.0.0.1:5001 : unix:/a.0.sock", None),
        ("- : 1.009 : - : 0.5", "unix:/a.0.sock : f:1 : unix:/a.0.sock : f:1", None),
    ],
)
def test_a_held_requests_first_byte_is_the_services(
    times: str, upstream: str, seconds: float | None
) -> None:
    held = parse(line(cold_start=1.0, upstream_header_time=times, upstream=upstream))
    warm = parse(line(upstream_header_time=times, upstream=upstream))
    assert held is not None
    assert warm is not None
    assert (held.first_byte, warm.first_byte) == (seconds, None)


def test_bytes_that_are_no_text_do_not_hide_a_request() -> None:
    text = line().replace(b"predict", b"\xff\xfe")
    assert parse(text) is not None


BROKEN = [b"", b"{", b"[]", b"7", b"{}", b'"x"', b"\0" * 9, line() + b"x"]


@pytest.mark.parametrize("text", [*BROKEN, line(status="-"), line(time="")])
def test_what_is_no_line_of_nginxs_is_nothing(text: bytes) -> None:
    assert parse(text) is None


class Reader:
    """Reads as the follower does, and remembers as it does."""

    def __init__(self, log: Path, limit: int = 1000) -> None:
        self.log, self.limit = log, limit
        self.positions: dict[str, int] = {}
        self.seen: list[bytes] = []
        self.behind = False

    def step(self) -> list[bytes]:
        step = read(files(self.log), self.positions, self.limit)
        self.positions, self.behind = step.positions, step.behind
        self.seen += step.lines
        return step.lines


def append(file: Path, text: bytes) -> None:
    with file.open("ab") as log:
        log.write(text)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def test_a_log_that_does_not_exist_yet_has_no_lines(log: Path) -> None:
    assert Reader(log).step() == []


def test_only_complete_lines_are_read(log: Path) -> None:
    reader = Reader(log)
    append(log, b"half")
    assert reader.step() == []
    append(log, b" and half\nne")
    assert reader.step() == [b"half and half"]
    append(log, b"xt\n")
    assert reader.step() == [b"next"]
    assert reader.step() == []


def test_an_old_file_is_read_to_its_end_before_the_new_one(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n")
    reader.step()
    append(log, b"2\n")
    rotate(log)
    append(log, b"4\n")
    append(log.with_name("access.log.1"), b"3\n")
    assert reader.step() == [b"2", b"3", b"4"]


def test_a_late_writer_of_an_old_file_is_heard(log: Path) -> None:
    reader = Reader(log)
    append(log, b"1\n")
    rotate(log)
    append(log, b"2\n")
    assert reader.step() == [b"1", b"2"]
    append(log.with_name("access.log.1"), b"late\n")
    assert reader.step() == [b"late"]


def test_a_step_is_bounded_and_says_that_there_is_more(log: Path) -> None:
    reader = Reader(log, limit=10)
    append(log, b"".join(b"%03d\n" % number for number in range(10)))
    rotate(log)
    append(log, b"".join(b"%03d\n" % number for number in range(10, 20)))
    assert len(reader.step()) == 2
    assert reader.behind
    while reader.behind:
        reader.step()
    assert reader.seen == [b"%03d" % number for number in range(20)]


def test_a_line_without_end_holds_nothing_up(log: Path) -> None:
    reader = Reader(log, limit=100)
    append(log, b"x" * 250 + b"\nnext\n")
    while reader.step():
        pass
    assert reader.seen[-1] == b"next"


def test_another_file_of_the_same_inode_begins_at_its_beginning(log: Path) -> None:
    reader = Reader(log)
    append(log, b"before the reboot\n")
    reader.step()
    log.write_bytes(b"after the reboot\n")
    assert reader.step() == [b"after the reboot"]


def test_files_that_are_gone_are_forgotten(log: Path) -> None:
    reader = Reader(log)
    for number in range(9):
        append(log, b"%d\n" % number)
        reader.step()
        rotate(log)
    reader.step()
    assert len(reader.positions) == 3
    assert reader.seen == [b"%d" % number for number in range(9)]


def test_requests_that_count_alike_are_counted_together_and_end_with_the_latest() -> None:
    lines = [
        line(time=1700000002.5, request_id="a"),
        line(time=1700000001.5, request_id="b"),
        line(status=404),
    ]
    requests, malformed = tally(lines)
    assert sorted((request.status, request.ended, times) for request, times in requests) == [
        (200, 1700000002.5, 2),
        (404, 1700000000.123, 1),
    ]
    assert malformed == 0


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"upstream": "unix:/run/io/routes/digits.0.quiet.sock"},
        {"upstream": "", "status": 404},
        {"service": ""},
        {"cold_start": 2.5},
    ],
    ids=["warm", "quiet", "refused", "the gateway's own", "held"],
)
def test_the_short_way_counts_as_the_whole_line_does(values: dict[str, object]) -> None:
    text = line(**values)
    assert tally([text]) == ([(parse(text), 1)], 0)


def test_lines_that_are_none_of_ours_are_counted_as_such() -> None:
    assert tally([b"", b"{}", b"\xff\xfe", line()])[1] == 3
