"""What a cold request meets: one job however many ask, and their own bytes at the service."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from websockets.sync.client import connect

from tests.stack.stack import Stack

CROWD = 300
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def crowd(url: str, bodies: dict[str, bytes]) -> dict[str, httpx.Response]:
    """All at once, each on a connection of its own."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, timeout=120) as client:

        async def ask(identity: str, body: bytes) -> httpx.Response:
            return await client.post(url, content=body, headers={"X-Execution-Id": identity})

        answers = await asyncio.gather(*(ask(*item) for item in bodies.items()))
    return dict(zip(bodies, answers, strict=True))


def test_300_cold_posts_start_one_job_and_run_once_each(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"START_DELAY": "2"})
    bodies = {f"n{number}": os.urandom(2000) + b"%d" % number for number in range(CROWD)}

    answers = asyncio.run(crowd(f"{stack.url}/{route}/echo", bodies))

    assert {answer.status_code for answer in answers.values()} == {200}
    assert all(answers[name].json()["sha256"] == sha256(body) for name, body in bodies.items())
    executed = stack.client.get(f"/{route}/executed").json()
    assert executed["ids"] == dict.fromkeys(bodies, 1)
    assert executed["bodies"] == {sha256(body): 1 for body in bodies.values()}
    assert stack.submissions(route) == 1


def test_a_limit_holds_for_a_crowd_cold_and_warm(stack: Stack, service: Callable[..., str]) -> None:
    route = service(env={"START_DELAY": "1"}, max_inflight=3)
    for when in ("cold", "warm"):
        bodies = {f"{when}{number}": b"%d" % number for number in range(40)}
        answers = asyncio.run(crowd(f"{stack.url}/{route}/slow?seconds=0.1", bodies))
        assert {answer.status_code for answer in answers.values()} == {200}
        executed = stack.client.get(f"/{route}/executed").json()
        assert {executed["ids"][name] for name in bodies} == {1}
        assert executed["most_at_once"] == 3
    assert stack.submissions(route) == 1
    info = stack.info(route)
    assert (info["held"], info["max_inflight"]) == (0, 3)


def pieces(body: bytes, size: int = 700_001) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_cold_post_of_50_mb_arrives_byte_identical(
    stack: Stack, service: Callable[..., str], chunked: bool
) -> None:
    route, body = service(), os.urandom(50_000_000)

    answer = stack.client.post(f"/{route}/hash", content=pieces(body) if chunked else body)

    assert answer.status_code == 200
    assert answer.json() == {"sha256": sha256(body), "length": len(body)}
    assert "X-Cold-Start" in answer.headers


def test_prefer_wait_0_is_refused_at_once_with_the_jobs_state(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"START_DELAY": "20"})
    took, answers = [], []
    for _ in range(5):
        started = time.perf_counter()
        answers.append(stack.client.post(f"/{route}/echo", headers={"Prefer": "wait=0"}))
        took.append(time.perf_counter() - started)

    assert {answer.status_code for answer in answers} == {503}
    assert min(took) < 0.2
    assert took[0] < 10  # the first of all: the decision to submit is on disk by then
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) > 0
    problem = answers[0].json()
    assert problem["type"] == "urn:inference-orchestrator:problem:not-ready"
    assert (problem["status"], problem["service"], problem["state"]) == (503, route, "queued")
    stack.wait_for_state(route, "starting")
    problem = stack.client.get(f"/{route}/echo", headers={"Prefer": "wait=0"}).json()
    assert problem["job"]["id"] == stack.jobs(route)[0]["id"]
    assert problem["job"]["state"] == "RUNNING"
    assert stack.submissions(route) == 1


def test_prefer_wait_n_is_the_callers_own_patience(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(env={"START_DELAY": "20"})
    started = time.monotonic()

    answer = stack.client.get(f"/{route}/echo", headers={"Prefer": "respond-async, wait=1"})

    assert answer.status_code == 503
    assert 1 <= time.monotonic() - started < 20  # it starts no sooner than that


def test_every_method_passes_cold_and_warm(stack: Stack, route: str) -> None:
    routes = {method: f"{route}{method.lower()}" for method in METHODS}
    stack.configure(*(stack.entry(name) for name in routes.values()))
    for cold in (True, False):
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(check_method, stack, *item, cold) for item in routes.items()]:
                done.result()


def check_method(stack: Stack, method: str, route: str, cold: bool) -> None:
    body = b"" if method in ("GET", "HEAD") else f"a body for {method}".encode()

    answer = stack.client.request(method, f"/{route}/echo?a=%20b", content=body)

    assert answer.status_code == 200
    assert ("X-Cold-Start" in answer.headers) is cold
    if method != "HEAD":
        got = answer.json()
        assert got["request_line"] == f"{method} /echo?a=%20b HTTP/1.1"
        assert (got["sha256"], got["length"]) == (sha256(body), len(body))


def test_headers_of_a_cold_answer_are_those_of_a_warm_one(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    seen = []
    for _ in ("cold", "warm"):
        answer = stack.client.get(f"/{route}/bytes?n=10", headers={"X-Request-ID": "same"})
        seen.append({name: value for name, value in answer.headers.items() if name != "date"})
    assert "x-cold-start" in seen[0]
    assert {**seen[1], "x-cold-start": seen[0]["x-cold-start"]} == seen[0]
    assert seen[1]["content-type"] == "application/octet-stream"


def test_request_id_and_forwarded_headers_reach_the_service(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    sent = {"X-Request-ID": "order-66.a:b_c", "X-Forwarded-For": "203.0.113.7", "X_Own": "a, b;c=d"}
    for temperature in ("cold", "warm"):
        answer = stack.client.get(f"/{route}/echo", headers={**sent, "X-T": temperature})

        headers = {name.lower(): value for name, value in answer.json()["headers"]}
        assert answer.headers["X-Request-ID"] == headers["x-request-id"] == "order-66.a:b_c"
        assert headers["x-forwarded-for"] == "127.0.0.1"  # this client is no listed proxy
        assert headers["x-forwarded-host"] == headers["host"] == f"127.0.0.1:{stack.port}"
        assert headers["x-forwarded-proto"] == "http"
        assert headers["x-forwarded-prefix"] == f"/{route}"
        assert headers["x-real-ip"] == "127.0.0.1"
        assert (headers["x-t"], headers["x_own"]) == (temperature, "a, b;c=d")
        assert "x-hold-sent" not in headers
    assert "order-66.a:b_c" in stack.info(route)["events"][0]["text"]


async def events(url: str) -> AsyncIterator[tuple[float, str]]:
    """Each event of the stream, with when it arrived."""
    async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", url) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                yield time.monotonic(), line


def test_sse_arrives_unbuffered_cold_and_warm(stack: Stack, service: Callable[..., str]) -> None:
    route = service()

    async def listen() -> list[tuple[float, str]]:
        return [event async for event in events(f"{stack.url}/{route}/sse?n=4&interval=0.8")]

    for _ in ("cold", "warm"):
        seen = asyncio.run(listen())
        assert [text for _, text in seen][-1] == "data: [DONE]"
        assert len(seen) == 5
        assert (
            seen[-1][0] - seen[0][0] > 1.2
        )  # of four pauses, so that the first came while others had not


def test_websocket_is_upgraded_cold_and_warm(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    address = f"ws://127.0.0.1:{stack.port}/{route}/ws"
    for _ in ("cold", "warm"):
        with connect(address, open_timeout=60, proxy=None) as websocket:
            websocket.send("hello")
            assert websocket.recv(timeout=10) == "hello"
            websocket.send(bytes(range(256)) * 300)
            assert websocket.recv(timeout=10) == bytes(range(256)) * 300
    assert stack.submissions(route) == 1
