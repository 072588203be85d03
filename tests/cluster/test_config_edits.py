"""Edits of services_config.json while the gateway runs."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from service_management.config import load as load_file
from tests.stack.stack import Stack, free_port
from tests.stack.waiting import median_within, wait_for

PATIENT = httpx.Timeout(60)


def problem_text(stack: Stack) -> str:
    error = stack.info()["config_error"]
    return error["text"] if error else ""


def wait_for_problem(stack: Stack, words: str, seconds: float = 10) -> str:
    wait_for(words, lambda: words in problem_text(stack), seconds)
    return problem_text(stack)


def wait_for_no_problem(stack: Stack, seconds: float = 10) -> None:
    wait_for("the error is gone", lambda: not problem_text(stack), seconds)


def routes(stack: Stack) -> set[str]:
    return {service["route_name"] for service in stack.info()["services"]}


def read_stream(stack: Stack, route: str, seconds: float) -> list[str]:
    """Every line of it; an exception where it does not end normally."""
    path = f"/{route}/stream?seconds={seconds}&interval=0.2"
    with stack.client.stream("GET", path, timeout=PATIENT) as answer:
        assert answer.status_code == 200
        return list(answer.iter_lines())


def complete(lines: list[str]) -> bool:
    return lines == [*(f"line {number}" for number in range(len(lines) - 1)), "end"]


@contextmanager
def streams(stack: Stack, route: str, number: int, seconds: float) -> Iterator[list[Any]]:
    """So many streams under way; afterwards all have been complete."""
    with ThreadPoolExecutor(number) as pool:
        running = [pool.submit(read_stream, stack, route, seconds) for _ in range(number)]
        wait_for("streams", lambda: (stack.info(route)["inflight"] or 0) >= number, 20)
        yield running
        assert all(complete(stream.result()) for stream in running)


def model(stack: Stack, route: str) -> str:
    return str(stack.client.get(f"/{route}/env").json()["environment"]["MODEL"])


def ask_on_one_connection(stack: Stack, route: str, stop: threading.Event) -> list[str]:
    """nginx closes idle connections at an edit. As curl and browsers do, a GET that met the
    closing of a reused connection is sent again, once, on a new one."""
    answers = []
    with httpx.Client(base_url=stack.url, timeout=PATIENT) as client:
        while not stop.is_set():
            try:
                answer = client.get(f"/{route}/echo")
            except (httpx.RemoteProtocolError, httpx.ReadError):
                answer = client.get(f"/{route}/echo")
            answers.append("" if answer.status_code == 200 else answer.text)
    return answers


def ask_on_new_connections(stack: Stack, route: str, stop: threading.Event) -> list[str]:
    answers = []
    while not stop.is_set():
        answer = httpx.get(f"{stack.url}/{route}/echo", timeout=PATIENT)
        answers.append("" if answer.status_code == 200 else answer.text)
    return answers


@contextmanager
def load(stack: Stack, route: str) -> Iterator[None]:
    """One request after the other, from several clients: none may fail."""
    stop = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        asking = [
            pool.submit(ask, stack, route, stop)
            for ask in (ask_on_one_connection, ask_on_new_connections, ask_on_new_connections)
        ]
        try:
            yield
        finally:
            stop.set()
        answers = [answer for client in asking for answer in client.result()]
    assert len(answers) > 20
    assert not any(answers), {answer for answer in answers if answer}


def test_adding_a_service_takes_2_s_and_drops_no_stream(
    stack: Stack, service: Callable[..., str]
) -> None:
    """Fifty streams of other services are open during the edit."""
    route = service(timeout=30)
    stack.client.get(f"/{route}/echo")
    with streams(stack, route, 50, 15) as running:  # paramiko opens fifty in some seconds
        names = (f"{route}-{number}" for number in itertools.count())

        def edit() -> float:
            begun, name = time.monotonic(), next(names)
            stack.write([stack.entry(route, timeout=30), stack.entry(name)])
            wait_for(
                "the new route",
                lambda: stack.client.get(f"/{name}/health").status_code != 404,
                pause=0.02,
            )
            return time.monotonic() - begun

        median_within(2.0, edit)
        assert not any(stream.done() for stream in running)
    assert stack.submissions(route) == 1


def test_twenty_edits_under_load_fail_no_request(stack: Stack, service: Callable[..., str]) -> None:
    route = service(timeout=60)
    stack.client.get(f"/{route}/echo")
    versions = set()
    with load(stack, route):
        for number in range(20):
            others = [stack.entry(f"{route}-{number}")]
            stack.configure(stack.entry(route, hold_timeout=60 + number), *others)
            versions.add(stack.info()["config_version"])
    assert len(versions) == 20
    assert stack.submissions(route) == 1
    assert stack.state(route) == "ready"


BROKEN: dict[str, Callable[[Path, str], object]] = {
    "an unknown key": lambda file, text: file.write_text(text.replace('"timeout"', '"timeuot"')),
    "half of the file": lambda file, text: file.write_text(text[: len(text) // 2]),
    "an empty file": lambda file, _: file.write_text(""),
    "no file": lambda file, _: file.unlink(),
    "a directory in its place": lambda file, _: (file.unlink(), file.mkdir()),
    "bytes that are no text": lambda file, _: file.write_bytes(b"\xff\xfe{"),
}


def test_an_invalid_file_is_reported_and_changes_nothing(
    stack: Stack, service: Callable[..., str]
) -> None:
    """It is reported everywhere, and a repaired file takes effect."""
    route = service(timeout=60)
    stack.client.get(f"/{route}/echo")
    text, version = stack.config.read_text(), stack.info()["config_version"]
    for name, damage in BROKEN.items():
        damage(stack.config, text)
        outcome = load_file(stack.config, key_dir=stack.cluster.key_file.parent)
        # What `orchestrator validate` prints, without what only an operator may see.
        printed = "\n".join(str(problem.public()) for problem in outcome)
        # Not at once: in the midst of writing it, the file is empty.
        wait_for(name, lambda printed=printed: printed and problem_text(stack) == printed, 10)
        assert stack.client.get(f"/{route}/echo").status_code == 200
        assert stack.info()["config_version"] == version
        if stack.config.is_dir():
            stack.config.rmdir()
        fresh = stack.config.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(stack.config)
        wait_for_no_problem(stack)
    assert stack.submissions(route) == 1


def test_a_misspelt_key_is_reported_with_its_nearest_spelling(
    stack: Stack, service: Callable[..., str]
) -> None:
    """In /info, the log, `validate` and `status`."""
    route = service()
    stack.write([{**stack.entry(route), "tiemout": 3}])
    expected = f"{route}: tiemout: unknown key (nearest valid: timeout)"
    wait_for_problem(stack, expected)
    assert stack.info()["config_error"]["problems"][0]["suggestion"] == "timeout"
    wait_for("it is logged", lambda: expected in stack.log(), 5)
    validated = stack.orchestrator("validate", check=False)
    assert validated.returncode == 1
    assert expected in validated.stderr
    assert expected in stack.orchestrator("status").stderr
    assert "orchestrator_config_valid 0\n" in stack.client.get("/metrics").text
    stack.write([stack.entry(route)])
    wait_for_no_problem(stack)
    assert "orchestrator_config_valid 1\n" in stack.client.get("/metrics").text


def test_a_missing_key_file_is_an_error_until_it_appears(
    stack: Stack, route: str, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    stack.write([stack.entry(route, ssh_key_file=str(key))])
    assert str(key) not in wait_for_problem(stack, "must exist")
    assert f"must exist; there is no {key}" in stack.orchestrator("status").stderr
    assert f"must exist; there is no {key}" in stack.log()
    assert route not in routes(stack)
    shutil.copy(stack.cluster.key_file, tmp_path / "draft")
    (tmp_path / "draft").chmod(0o600)
    (tmp_path / "draft").rename(key)
    wait_for("the service", lambda: route in routes(stack), 10)
    assert problem_text(stack) == ""
    assert stack.client.get(f"/{route}/echo").status_code == 200


def test_removing_a_service_lets_its_streams_finish(
    stack: Stack, service: Callable[..., str]
) -> None:
    """New requests are refused at once."""
    route = service(timeout=60)
    stack.client.get(f"/{route}/echo")
    with streams(stack, route, 3, 10):
        stack.write([])
        wait_for("404", lambda: stack.client.get(f"/{route}/echo").status_code == 404, 5)
        assert stack.jobs(route)
    wait_for("the job is cancelled", lambda: not stack.jobs(route), 15)
    assert stack.client.get(f"/info/{route}").status_code == 404
    assert not (stack.run_dir / "routes" / f"{route}.0.sock").exists()


def test_a_service_added_again_while_draining_serves_again(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=60)
    stack.client.get(f"/{route}/echo")
    with streams(stack, route, 2, 10):
        stack.write([])
        wait_for("it is gone", lambda: route not in routes(stack), 5)
        stack.write([stack.entry(route, timeout=60)])
        wait_for("it is back", lambda: route in routes(stack), 5)
        assert stack.state(route) == "draining"  # an edit's drain is not taken back
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert stack.state(route) == "ready"
    wait_for("one job", lambda: len(stack.jobs(route)) == 1, 10)
    assert stack.submissions(route) == 2


def test_after_a_changed_env_streams_end_on_the_old_job(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=60, env={"MODEL": "old"})
    first = stack.client.get(f"/{route}/env").json()
    with streams(stack, route, 2, 10):
        stack.write([stack.entry(route, timeout=60, env={"MODEL": "new"})])
        wait_for("the new job serves", lambda: model(stack, route) == "new", 20)
        assert stack.info(route)["replicas"][1]["reason"] == "config_changed"
    assert first["environment"]["MODEL"] == "old"
    assert stack.client.get(f"/{route}/env").json()["job_id"] != first["job_id"]
    assert stack.submissions(route) == 2


def test_a_changed_timeout_keeps_the_job_and_counts_at_once(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=100)
    job = stack.client.get(f"/{route}/env").json()["job_id"]
    stack.configure(stack.entry(route, timeout=2))
    wait_for("the new timeout", lambda: stack.info(route)["timeout"] == 2, 5)
    assert [found["id"] for found in stack.jobs(route)] in ([job], [])
    stack.wait_for_state(route, "cold", seconds=15)
    assert stack.info(route)["reason"] == "idle"
    assert stack.submissions(route) == 1


def test_an_occupied_local_port_is_refused_until_it_is_free(
    stack: Stack, service: Callable[..., str]
) -> None:
    """The message names the process that holds it."""
    route, port = service(timeout=60), free_port()
    stack.client.get(f"/{route}/echo")
    changed = stack.entry(route, timeout=60, local_host="127.0.0.1", local_port=port)
    with socket.create_server(("127.0.0.1", port)):
        stack.write([changed])
        text = wait_for_problem(stack, f"port {port} is taken by")
        assert "python" in text
        assert stack.client.get(f"/{route}/echo").status_code == 200
    wait_for_no_problem(stack)
    assert httpx.get(f"http://127.0.0.1:{port}/echo").status_code == 200
    assert stack.submissions(route) == 1


def test_defaults_apply_unless_a_service_overrides_them(stack: Stack, route: str) -> None:
    full = stack.entry(route, timeout=77)
    own = ("name", "route_name")
    defaults = {key: value for key, value in full.items() if key not in own}
    services = [
        {"name": "one", "route_name": f"{route}-a"},
        {"name": "two", "route_name": f"{route}-b", "timeout": 5},
    ]
    draft = stack.config.with_suffix(".draft")
    draft.write_text(json.dumps({"Defaults": defaults, "Services": services}))
    draft.replace(stack.config)
    wait_for("both", lambda: routes(stack) == {f"{route}-a", f"{route}-b"}, 10)
    assert stack.info(f"{route}-a")["timeout"] == 77
    assert stack.info(f"{route}-b")["timeout"] == 5
    assert stack.client.get(f"/{route}-a/echo").status_code == 200
