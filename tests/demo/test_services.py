"""The example services alone, on a loopback port, without Slurm."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import subprocess
import sys
import time

import httpx
import pytest
import websockets


class Running:
    def __init__(self, name: str, port: int, log, **environment: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"demo.services.{name}", str(port)],
                env=os.environ | environment,
                stdout=out,
                stderr=out,
            )
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def healthy(self) -> bool:
        try:
            return self.client.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def launch(free_port, tmp_path, eventually):
    running: list[Running] = []

    def start(name: str, ready: bool = True, **environment: str) -> Running:
        service = Running(name, free_port, tmp_path / "out", **environment)
        running.append(service)
        if ready:
            eventually(service.healthy, 20)
        return service

    yield start
    for service in running:
        service.stop()


@pytest.fixture
def probe(launch):
    return launch("probe")


def test_the_classifier_recognises_its_examples(launch):
    client = launch("classifier").client
    examples = [client.get(f"/example?n={n}").json() for n in range(20)]
    answers = [client.post("/predict", json=example["payload"]).json() for example in examples]
    hits = [a["digit"] == e["label"] for a, e in zip(answers, examples, strict=True)]
    assert sum(hits) >= 18
    assert abs(sum(answers[0]["probabilities"]) - 1) < 1e-3
    images = [example["payload"]["image"] for example in examples]
    batch = client.post("/predict", json={"images": images}).json()["predictions"]
    assert batch == answers
    assert client.get("/about").json()["accuracy"] > 0.9
    assert "<canvas" in client.get("/").text
    for bad in (b"x", b"[]", b'{"image": [1]}', b'{"images": []}', b'{"image": ["a"]}'):
        assert client.post("/predict", content=bad).status_code == 400
    assert client.get("/predict").status_code == 405
    assert client.get("/nothing").status_code == 404


def test_the_text_generator_is_deterministic_also_in_streams(launch):
    client = launch("textgen").client
    assert client.get("/v1/models").json()["data"][0]["object"] == "model"
    ask = {"messages": [{"role": "user", "content": "The room"}], "seed": 7, "max_tokens": 12}
    whole = client.post("/v1/chat/completions", json=ask).json()
    text = whole["choices"][0]["message"]["content"]
    assert len(text.split()) == whole["usage"]["completion_tokens"] == 12
    pieces, arrivals = [], []
    with client.stream("POST", "/v1/chat/completions", json=ask | {"stream": True}) as reply:
        assert reply.headers["content-type"] == "text/event-stream"
        for line in filter(None, reply.iter_lines()):
            pieces.append(line.removeprefix("data: "))
            arrivals.append(time.monotonic())
    assert pieces.pop() == "[DONE]"
    deltas = [json.loads(piece)["choices"][0]["delta"].get("content", "") for piece in pieces]
    assert "".join(deltas) == text
    assert arrivals[-1] - arrivals[0] > 0.05  # not in one lump
    for bad in ({}, {"messages": []}, ask | {"max_tokens": 0}, ask | {"seed": "x"}):
        reply = client.post("/v1/chat/completions", json=bad)
        assert reply.status_code == 400
        assert reply.json()["error"]["type"] == "invalid_request_error"


def test_echo_returns_what_was_received(probe):
    reply = probe.client.put("/echo?a=1&b=%20", content=b"hello", headers={"X-Thing": "Ü".encode()})
    seen = reply.json()
    assert seen["request_line"] == "PUT /echo?a=1&b=%20 HTTP/1.1"
    assert seen["query"] == "a=1&b=%20"
    assert seen["sha256"] == hashlib.sha256(b"hello").hexdigest()
    assert seen["length"] == 5
    assert ["X-Thing", "Ã\x9c"] in seen["headers"]


def test_bodies_are_hashed_whole_and_chunked(probe):
    body = os.urandom(3_000_000)
    expected = {"sha256": hashlib.sha256(body).hexdigest(), "length": len(body)}
    chunks = (body[i : i + 70_001] for i in range(0, len(body), 70_001))
    assert probe.client.post("/hash", content=body).json() == expected
    assert probe.client.post("/hash", content=chunks).json() == expected
    assert probe.client.get("/executed").json()["bodies"] == {expected["sha256"]: 2}


def test_executions_are_counted_per_id(probe):
    probe.client.post("/echo", headers={"X-Execution-Id": "a"})
    probe.client.post("/echo?id=b")
    probe.client.get("/slow?seconds=0&id=b")
    probe.client.get("/health")
    counted = probe.client.get("/executed").json()
    assert counted["ids"] == {"a": 1, "b": 2}
    assert counted["total"] == 3


def test_answers_of_every_kind(probe):
    client = probe.client
    assert client.get("/status?code=418").status_code == 418
    assert client.get("/status?code=418").headers["x-probe"] == "status-418"
    assert client.get("/status?code=204").content == b""
    assert client.get("/bytes?n=100000").content == (bytes(range(256)) * 400)[:100000]
    assert client.head("/bytes?n=100000").headers["content-length"] == "100000"
    assert client.get("/stream?seconds=0.2&interval=0.05").text.endswith("end\n")
    assert client.get("/sse?n=2&interval=0").text.count("data: event") == 2
    assert "probe_requests_total" in client.get("/metrics").text
    assert client.get("/env").json()["argv"][1] == str(probe.port)
    assert client.get("/slow?seconds=x").status_code == 400
    assert client.get("/nothing").status_code == 404


def test_health_can_be_taken_away_for_a_while(probe, eventually):
    probe.client.get("/unhealthy?seconds=3")
    assert not probe.healthy()
    eventually(probe.healthy, 10)


def test_hanging_and_dropped_requests_get_no_answer(probe, eventually):
    with pytest.raises(httpx.ReadTimeout):
        probe.client.get("/hang", timeout=0.2)
    with pytest.raises(httpx.RemoteProtocolError):
        probe.client.get("/drop")
    eventually(lambda: probe.client.get("/connections").json()["open"] == 0, 3)


def test_websockets_echo_text_bytes_and_pings(probe):
    async def talk() -> None:
        async with websockets.connect(f"ws://127.0.0.1:{probe.port}/ws", proxy=None) as socket:
            for message in ("hello", "ü" * 1000, os.urandom(100_000)):
                await socket.send(message)
                assert await socket.recv() == message
            await (await socket.ping())

    asyncio.run(talk())
    assert probe.client.get("/ws").status_code == 400


def test_a_thousand_connections_at_once(probe):
    async def one(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", probe.port)
        writer.write(f"GET /slow?seconds=1&id={number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        return int(line.split()[1])

    async def many() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(1000)))

    assert set(asyncio.run(many())) == {200}
    assert len(probe.client.get("/executed").json()["ids"]) == 1000


def test_a_request_can_crash_it_in_the_middle(probe):
    with pytest.raises(httpx.RemoteProtocolError):
        probe.client.get("/crash?code=7")
    assert probe.process.wait(5) == 7


def test_it_crashes_at_start_if_configured(launch):
    service = launch("probe", ready=False, CRASH_AT_START="3")
    assert service.process.wait(10) == 3
    assert "fatal" in service.log.read_text()


def test_it_crashes_until_its_file_exists(launch, tmp_path):
    weights = tmp_path / "weights"
    broken = launch("probe", ready=False, CRASH_UNLESS_FILE=str(weights))
    assert broken.process.wait(10) == 1
    weights.touch()
    launch("probe", CRASH_UNLESS_FILE=str(weights))


def test_it_binds_late_or_becomes_healthy_late_or_never_binds(launch, eventually):
    began = time.monotonic()
    launch("probe", START_DELAY="0.4").stop()
    assert time.monotonic() - began >= 0.4
    warming = launch("probe", ready=False, HEALTH_DELAY="3")
    eventually(lambda: answers(warming), 10)
    assert not warming.healthy()
    eventually(warming.healthy, 10)
    warming.stop()
    deaf = launch("probe", ready=False, REFUSE_PORT="1")
    with pytest.raises(subprocess.TimeoutExpired):
        deaf.process.wait(0.5)
    assert not answers(deaf)


def test_it_makes_the_mistakes_of_a_first_service(launch, eventually):
    hidden = launch("probe", ready=False, LISTEN_ON_LOOPBACK="1", DEMO_LOOPBACK="127.0.0.2")
    elsewhere = f"http://127.0.0.2:{hidden.port}/health"
    eventually(lambda: succeeds(elsewhere), 20)
    assert not answers(hidden)
    hidden.stop()
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        other = chosen.getsockname()[1]
    moved = launch("probe", ready=False, LISTEN_ON_PORT=str(other))
    eventually(lambda: succeeds(f"http://127.0.0.1:{other}/health"), 20)
    assert not answers(moved)


def succeeds(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def answers(service: Running) -> bool:
    try:
        return bool(service.client.get("/health").content)
    except httpx.TransportError:
        return False
