"""Lines as nginx writes them into its logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

ENDED = 1700000000.0
ADDRESS = "unix:/run/io/routes/a.0.sock"


def line(
    service: str = "a",
    status: int | str = 200,
    seconds: float | str = 0.01,
    ended: float = ENDED,
    quiet: str = "",
    held: str = "",
    received: int | str = 100,
    sent: int | str = 200,
) -> bytes:
    """A line of counts.log."""
    time = datetime.fromtimestamp(ended, UTC).isoformat(timespec="seconds")
    fields = (time, service, status, received, sent, seconds, quiet, held)
    return "\t".join(map(str, fields)).encode()


def held(seconds: float, times: str = "- : 1.009 : 0.002", last: str = ADDRESS) -> str:
    """The last field of a request that waited for its service."""
    return f"{seconds}|{times}|{ADDRESS} : 127.0.0.1:5001 : {last}"


OLD: dict[str, Any] = {
    "time": 1700000000.123,
    "service": "a",
    "status": 200,
    "bytes_in": 100,
    "bytes_out": 200,
    "request_time": 0.01,
    "cold_start": None,
    "upstream": ADDRESS,
    "upstream_status": "200",
    "upstream_header_time": "0.004",
    "replica": 0,
    "request_id": "abc",
    "request": 'POST /a/predict?" HTTP/1.1',
}


def old_line(**changes: Any) -> bytes:
    """A line of access.log as nginx wrote it under 0.1.0."""
    return json.dumps({**OLD, **changes}, separators=(",", ":")).encode()


def notable_line(**changes: Any) -> bytes:
    """A line of access.log."""
    return json.dumps({"why": "error", **OLD, **changes}, separators=(",", ":")).encode()
