"""Lines as nginx writes them into its access log."""

from __future__ import annotations

import json


def line(
    service: str,
    status: int = 200,
    seconds: float = 0.01,
    cold: str = "",
    ended: float = 1700000000.5,
    upstream: str = "unix:/run/io/routes/a.0.sock",
) -> bytes:
    fields = {
        "time": f"{ended:.3f}",
        "service": service,
        "status": str(status),
        "request_time": f"{seconds:.3f}",
        "bytes_in": "100",
        "bytes_out": "200",
        "upstream": upstream,
        "cold_start": cold,
    }
    return json.dumps(fields).encode()
