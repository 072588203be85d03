"""Many requests in the same moment, of which some may be refused: how many were answered.

`python -m benchmarks.load.tally HOST PORT PREFIX NUMBER PATIENCE`
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from dataclasses import dataclass

from benchmarks.endpoint import Endpoint


@dataclass(frozen=True)
class Tally:
    answered: int
    refused: int
    seconds: float  # until the last answer


def tally(endpoint: Endpoint, number: int, patience: float) -> Tally:
    return Tally(**endpoint.load("tally", number, patience))


def ask(host: str, port: int, target: str, patience: float) -> bytes:
    """The body of a good answer; nothing of any other."""
    connection = http.client.HTTPConnection(host, port, timeout=patience)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()
    return body if answer.status == 200 else b""


def main() -> None:
    host, port, prefix, number, patience = sys.argv[1:]
    good: list[float] = []
    began, together = time.monotonic(), threading.Barrier(int(number))

    def one(index: int) -> None:
        together.wait()
        target = f"{prefix}/echo?n={index}"
        if ask(host, int(port), target, float(patience)) == b"%d\n" % index:
            good.append(time.monotonic() - began)

    threads = [threading.Thread(target=one, args=(index,)) for index in range(int(number))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(vars(Tally(len(good), int(number) - len(good), max(good, default=0.0)))))


if __name__ == "__main__":
    main()
