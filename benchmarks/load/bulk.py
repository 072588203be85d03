"""One large body, down or up, every byte compared.

`python -m benchmarks.load.bulk HOST PORT PREFIX down|up BYTES`
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Iterator

from benchmarks.endpoint import Endpoint, Wrong
from benchmarks.services.bulk import PIECE


def bulk(endpoint: Endpoint, way: str, length: int) -> float:
    """Bytes per second."""
    return float(endpoint.load("bulk", way, length)["per_second"])


def down(connection: http.client.HTTPConnection, prefix: str, length: int) -> None:
    connection.request("GET", f"{prefix}/down?n={length}")
    answer = connection.getresponse()
    if answer.status != 200:
        raise Wrong(f"status {answer.status}")
    buffer, whole = bytearray(len(PIECE)), memoryview(PIECE)
    while length > 0:
        part = memoryview(buffer)[: min(length, len(buffer))]
        filled = 0
        while filled < len(part):
            got = answer.readinto(part[filled:])
            if not got:
                raise Wrong(f"{length - filled} bytes are missing")
            filled += got
        if bytes(part) != whole[: len(part)].tobytes():
            raise Wrong("other bytes than were sent")
        length -= len(part)


def up(connection: http.client.HTTPConnection, prefix: str, length: int) -> None:
    connection.request("PUT", f"{prefix}/up", body=_pieces(length), headers=_length(length))
    answer = connection.getresponse()
    body = answer.read()
    if (answer.status, body) != (200, b"ok %d" % length):
        raise Wrong(f"status {answer.status}: {body[:200]!r}")


def _length(length: int) -> dict[str, str]:
    return {"Content-Length": str(length)}


def _pieces(length: int) -> Iterator[bytes]:
    while length > 0:
        yield PIECE if length >= len(PIECE) else PIECE[:length]
        length -= len(PIECE)


def main() -> None:
    host, port, prefix, way, length = sys.argv[1:]
    connection = http.client.HTTPConnection(host, int(port), timeout=600)
    started = time.monotonic()
    try:
        {"down": down, "up": up}[way](connection, prefix, int(length))
    except (Wrong, OSError, http.client.HTTPException) as error:
        sys.exit(f"{way}: {error!r}")
    print(json.dumps({"per_second": int(length) / (time.monotonic() - started)}))


if __name__ == "__main__":
    main()
