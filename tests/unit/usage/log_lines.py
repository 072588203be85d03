"""Lines as nginx writes them into its access log."""

from __future__ import annotations

import json


def line(
    service: str,
    status: int = 200,
    seconds: float = 0.01,
    cold: float | None = None,
    ended: float = 1700000000.5,
    upstream: str = "unix:/run/io/routes/a.0.sock",
) -> bytes:
    fields = {
        "time": ended,
        "service": service,
        "status": status,
        "request_time": seconds,
        "bytes_in": 100,
        "bytes_out": 200,
        "upstream": upstream,
        "upstream_header_time": "0.002",
        "cold_start": cold,
    }
    return json.dumps(fields).encode()
