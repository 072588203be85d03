"""The test service: does what its environment (at start) and its requests (later) tell it to.

Environment: START_DELAY seconds before it binds; HEALTH_DELAY seconds in which /health is 503;
CRASH_AT_START exit code; CRASH_UNLESS_FILE path without which it crashes; REFUSE_PORT: never bind;
CLOSE_UNANNOUNCED: close each connection after one answer without saying so;
HIDE_JOB_TOKEN: do not show IO_JOB_TOKEN; RECORD_FILE: path that gets a line
for each execution with an id; WORKERS: how many /slow sleep at a time, the others wait.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from . import websocket
from .httpd import PIECE, Dropped, Exchange, Routes, routed, serve
from .record import RECORD, digest, execution_id, recorded

WORKERS = asyncio.Semaphore(int(os.environ.get("WORKERS", "100000")))


async def health(exchange: Exchange) -> None:
    ready = time.monotonic() >= RECORD.ready_at
    await exchange.send({"ready": ready}, 200 if ready else 503)


async def echo(exchange: Exchange) -> None:
    sha256, length = await digest(exchange)
    await exchange.send(
        {
            "method": exchange.method,
            "path": exchange.path,
            "request_line": f"{exchange.method} {exchange.target} {exchange.version}",
            "query": exchange.raw_query,
            "headers": exchange.headers,
            "sha256": sha256,
            "length": length,
            "executed": RECORD.ids[execution_id(exchange)],
            "total": RECORD.total,
            "pid": os.getpid(),
        }
    )


async def hash_body(exchange: Exchange) -> None:
    sha256, length = await digest(exchange)
    await exchange.send({"sha256": sha256, "length": length})


async def stream(exchange: Exchange) -> None:
    """A line every `interval` seconds, for `seconds`."""
    end = time.monotonic() + exchange.number("seconds", 5)
    await exchange.start("text/plain")
    number = 0
    while time.monotonic() < end:
        await exchange.write(f"line {number}\n".encode())
        number += 1
        await asyncio.sleep(exchange.number("interval", 0.5))
    await exchange.write(b"end\n")
    await exchange.finish()


async def sse(exchange: Exchange) -> None:
    await exchange.start("text/event-stream", {"Cache-Control": "no-cache"})
    for number in range(int(exchange.number("n", 5))):
        await exchange.write(f"id: {number}\ndata: event {number}\n\n".encode())
        await asyncio.sleep(exchange.number("interval", 0.1))
    await exchange.write(b"data: [DONE]\n\n")
    await exchange.finish()


async def slow(exchange: Exchange) -> None:
    seconds = exchange.number("seconds", 1)
    async with WORKERS:
        await asyncio.sleep(seconds)
    await exchange.send({"slept": seconds, "pid": os.getpid()})


async def deterministic_bytes(exchange: Exchange) -> None:
    """0, 1, … 255, 0, 1, … to the length of `n`."""
    left = int(exchange.number("n", 1024))
    await exchange.start("application/octet-stream", {"Content-Length": str(left)})
    piece = bytes(range(256)) * (PIECE // 256)
    while left > 0:
        await exchange.write(piece[:left])
        left -= len(piece)
    await exchange.finish()


async def hang(exchange: Exchange) -> None:
    """No answer, until the client gives up."""
    while await exchange.reader.read(PIECE):
        pass
    raise Dropped


async def crash(exchange: Exchange) -> None:
    print("told to crash by a request", file=sys.stderr, flush=True)
    os._exit(int(exchange.number("code", 1)))


async def drop(_: Exchange) -> None:
    raise Dropped


async def status(exchange: Exchange) -> None:
    code = int(exchange.number("code", 200))
    await exchange.send({"status": code}, code, headers={"X-Probe": f"status-{code}"})


async def executed(exchange: Exchange) -> None:
    counts = {"ids": RECORD.ids, "bodies": RECORD.bodies, "paths": RECORD.paths}
    done = {"total": RECORD.total, "most_at_once": RECORD.most_at_once}
    await exchange.send({**done, "pid": os.getpid(), **counts})


async def connections(exchange: Exchange) -> None:
    """Requests being answered, this one not counted."""
    await exchange.send({"open": RECORD.open - 1})


async def unhealthy(exchange: Exchange) -> None:
    RECORD.ready_at = time.monotonic() + exchange.number("seconds", 5)
    await exchange.send({"unhealthy": True})


async def env(exchange: Exchange) -> None:
    job = os.environ.get("SLURM_JOB_ID")
    await exchange.send({"environment": dict(os.environ), "argv": sys.argv, "job_id": job})


async def metrics(exchange: Exchange) -> None:
    lines = ["# TYPE probe_requests_total counter", f"probe_requests_total {RECORD.total}", ""]
    await exchange.send("\n".join(lines), kind="text/plain; version=0.0.4")


ROUTES: Routes = {
    "/health": health,
    "/echo": echo,
    "/hash": hash_body,
    "/stream": stream,
    "/sse": sse,
    "/slow": slow,
    "/bytes": deterministic_bytes,
    "/hang": hang,
    "/crash": crash,
    "/drop": drop,
    "/status": status,
    "/executed": executed,
    "/connections": connections,
    "/unhealthy": unhealthy,
    "/ws": websocket.echo,
    "/env": env,
    "/metrics": metrics,
}


def crash_if_told() -> None:
    needed = os.environ.get("CRASH_UNLESS_FILE")
    lacking = bool(needed) and not os.path.exists(needed or "")  # noqa: PTH110 - "" is no path
    code = os.environ.get("CRASH_AT_START") or ("1" if lacking else "")
    if code:
        print("probe: loading the model", file=sys.stderr)
        print(f"probe: fatal: cannot load {needed or 'the model'}", file=sys.stderr, flush=True)
        sys.exit(int(code))


def main() -> None:
    crash_if_told()
    time.sleep(float(os.environ.get("START_DELAY", "0")))
    while os.environ.get("REFUSE_PORT"):
        time.sleep(3600)
    RECORD.ready_at = time.monotonic() + float(os.environ.get("HEALTH_DELAY", "0"))
    print(f"probe: listening on port {sys.argv[1]}", flush=True)
    asyncio.run(serve(int(sys.argv[1]), recorded(routed(ROUTES))))


if __name__ == "__main__":
    main()
