"""What operators can do, and what is public."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.stack.stack import TOKEN, Stack
from tests.stack.waiting import wait_for

VERBS = ("start", "stop", "restart", "enable", "disable")
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PROBLEM = "application/problem+json"

# What each verb leads to at once, from each state that does not change by itself.
OUTCOMES: dict[str, dict[str, str | int]] = {
    "cold": {
        "start": "queued",
        "stop": "cold",
        "restart": "queued",
        "enable": "cold",
        "disable": "disabled",
    },
    "queued": {
        "start": "queued",
        "stop": "draining",
        "restart": "draining",
        "enable": "queued",
        "disable": "draining",
    },
    "starting": {
        "start": "starting",
        "stop": "draining",
        "restart": "draining",
        "enable": "starting",
        "disable": "draining",
    },
    "ready": {
        "start": "ready",
        "stop": "draining",
        "restart": "ready",
        "enable": "ready",
        "disable": "draining",
    },
    "failed": {
        "start": "queued",
        "stop": "cold",
        "restart": "queued",
        "enable": "failed",
        "disable": "disabled",
    },
    "disabled": {
        "start": 409,
        "stop": "disabled",
        "restart": 409,
        "enable": "cold",
        "disable": "disabled",
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "queued": {"sbatch_args": ["--hold"]},
    "starting": {"env": {"HEALTH_DELAY": "600"}},
    "failed": {"env": {"CRASH_AT_START": "3"}},
}


def bring_to(stack: Stack, routes: list[str], state: str) -> None:
    verb = {"cold": "stop", "disabled": "disable"}.get(state, "start")
    for route in routes:
        assert stack.admin(route, verb).status_code == 200
    for route in routes:
        wait_for(f"{route} {state}", lambda route=route: _settled(stack, route, state), 30)


def _settled(stack: Stack, route: str, state: str) -> bool:
    """Queued counts once Slurm has the job."""
    info = stack.info(route)
    named = state != "queued" or bool(info["replicas"] and info["replicas"][0]["job_id"])
    return bool(info["state"] == state and named)


@pytest.mark.parametrize("state", OUTCOMES)
def test_every_verb_has_a_sensible_result(stack: Stack, route: str, state: str) -> None:
    routes = {verb: f"{route}-{verb}" for verb in VERBS}
    keys = {"sbatch_args": ["--cpus-per-task=1"], **SETTINGS.get(state, {})}
    stack.configure(*(stack.entry(name, **keys) for name in routes.values()))
    bring_to(stack, list(routes.values()), state)
    for verb, name in routes.items():
        answer = stack.admin(name, verb)
        expected = OUTCOMES[state][verb]
        found = answer.json()
        assert expected in (answer.status_code, found["state"]), (verb, found)
        assert found["service"] == name
        if expected == 409:
            assert answer.headers["Content-Type"] == PROBLEM
            assert "enable it first" in found["detail"]


def test_every_verb_while_draining(stack: Stack, route: str) -> None:
    """A stream keeps each of them draining."""
    routes = {verb: f"{route}-{verb}" for verb in VERBS}
    keys = {"sbatch_args": ["--cpus-per-task=1"]}
    stack.configure(*(stack.entry(name, **keys) for name in routes.values()))
    after = dict.fromkeys(("start", "restart"), "ready") | {
        "stop": "cold",
        "enable": "cold",
        "disable": "disabled",
    }
    bring_to(stack, list(routes.values()), "ready")
    with ThreadPoolExecutor(len(VERBS)) as pool:
        paths = [f"/{name}/stream?seconds=10" for name in routes.values()]
        running = [pool.submit(stack.client.get, path) for path in paths]
        for name in routes.values():
            wait_for("a stream", lambda name=name: stack.info(name)["inflight"] == 1, 30)
            assert stack.admin(name, "stop").json()["state"] == "draining"
        for verb, name in routes.items():
            assert stack.admin(name, verb).json()["state"] == "draining"
        assert all(stream.result().text.endswith("end\n") for stream in running)
    for verb, name in routes.items():
        stack.wait_for_state(name, after[verb])


def test_a_service_that_is_being_disabled_cannot_be_started(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(stack.client.get, f"/{route}/stream?seconds=8")
        wait_for("a stream", lambda: stack.info(route)["inflight"] == 1, 30)
        assert stack.admin(route, "disable").json()["state"] == "draining"
        assert stack.admin(route, "start").status_code == 409
        assert running.result().text.endswith("end\n")
    stack.wait_for_state(route, "disabled")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer wrong", "Bearer", TOKEN, f"Basic {TOKEN}", "Bearer é"]
)
def test_without_the_token_nothing_is_done(
    stack: Stack, service: Callable[..., str], header: str | None
) -> None:
    route = service()
    headers = {} if header is None else {"Authorization": header.encode("utf-8")}
    for method, path in (("POST", "start"), ("POST", "scale"), ("GET", "logs")):
        answer = stack.client.request(method, f"/admin/services/{route}/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == PROBLEM
        assert answer.json()["type"].endswith(":unauthorized")
    assert stack.state(route) == "cold"


def test_scale_takes_numbers_and_says_what_is_wrong_with_them(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    url = f"/admin/services/{route}/scale"

    def scale(body: bytes) -> httpx.Response:
        return stack.client.post(
            url, content=body, headers={**BEARER, "Content-Type": "application/json"}
        )

    for body in (b"", b"{", b"[]", b'{"replicas": 2}', b'{"min_replicas": "2"}'):
        _assert_bad_request(scale(body), "must be")
    for body in (b'{"min_replicas": -1}', b'{"max_replicas": 0}', b'{"max_replicas": true}'):
        _assert_bad_request(scale(body), "must be a whole number")
    wrong = scale(b'{"min_replicas": 3, "max_replicas": 2}')
    _assert_bad_request(wrong, "must not be more than max_replicas")
    assert stack.info(route)["wanted"] == 0

    assert scale(b'{"min_replicas": 2}').json()["min_replicas"] == 2
    wait_for("two are ready", lambda: _ready(stack, route) == 2, 40)
    assert scale(b"{}").status_code == 200
    wait_for("as in the file again", lambda: stack.info(route)["wanted"] < 2, 20)


def _ready(stack: Stack, route: str) -> int:
    return sum(one["state"] == "ready" for one in stack.info(route)["replicas"])


def _assert_bad_request(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == PROBLEM
    assert words in answer.json()["detail"]


def test_what_is_not_there_is_404_and_a_wrong_method_405(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    unknown = stack.admin(f"{route}x", "start")
    assert unknown.status_code == 404
    assert unknown.json()["type"].endswith(":unknown-service")
    assert f"Did you mean '{route}'?" in unknown.json()["detail"]
    assert stack.admin(route, "explode").status_code == 404
    assert stack.client.get(f"/info/{route}x").status_code == 404
    wrong = stack.client.get(f"/admin/services/{route}/start", headers=BEARER)
    assert wrong.status_code == 405
    assert wrong.headers["Content-Type"] == PROBLEM
    assert "POST" in wrong.headers["Allow"]
    assert stack.client.post(f"/admin/services/{route}/logs", headers=BEARER).status_code == 405


def test_disabled_sends_no_retry_after_even_after_a_restart(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    assert stack.admin(route, "disable").json()["state"] == "disabled"
    for restarted in (False, True):
        if restarted:
            stack.kill_control_plane()
            stack.wait_until_alive()
        answer = wait_for("an answer", lambda: _refusal(stack, route), 20)
        assert answer.json()["type"].endswith(":disabled")
        assert (answer.json()["state"], answer.status_code) == ("disabled", 503)
        assert "Retry-After" not in answer.headers
    assert stack.submissions(route) == 0
    assert stack.admin(route, "enable").json()["state"] == "cold"
    assert stack.client.get(f"/{route}/echo").status_code == 200


def _refusal(stack: Stack, route: str) -> httpx.Response | None:
    """Of the control plane: while it restarts, nginx answers for it."""
    answer = stack.client.get(f"/{route}/echo")
    return answer if "state" in answer.json() else None


def test_logs_of_a_cold_a_running_and_a_failed_service(stack: Stack, route: str) -> None:
    broken = f"{route}-broken"
    stack.configure(stack.entry(route), stack.entry(broken, env={"CRASH_AT_START": "3"}))

    def logs(name: str, query: str = "") -> str:
        answer = stack.client.get(f"/admin/services/{name}/logs{query}", headers=BEARER)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        return answer.text

    assert "there is no output" in logs(route)
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert "probe: listening on port" in logs(route)
    assert stack.client.get(f"/{broken}/echo").status_code == 503
    assert "fatal: cannot load the model" in logs(broken)
    assert logs(broken, "?lines=1").count("\n") == 1


def test_stop_waits_for_a_stream_and_stop_now_does_not(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    for query, patient in (("", True), ("?now=1", False)):
        with ThreadPoolExecutor(1) as pool:
            begun = time.monotonic()
            stream = pool.submit(_stream, stack, route, 8 if patient else 30)
            wait_for("a stream", lambda: stack.info(route)["inflight"] == 1, 30)
            stack.admin(route, f"stop{query}")
            assert stream.result() is patient
            assert patient or time.monotonic() - begun < 25
        stack.wait_for_state(route, "cold")


def _stream(stack: Stack, route: str, seconds: float) -> bool:
    """Whether it came to its end."""
    try:
        text = httpx.get(f"{stack.url}/{route}/stream?seconds={seconds}", timeout=60).text
    except httpx.TransportError:
        return False
    return text.endswith("end\n")


SERVICE_FIELDS = {
    "name",
    "route_name",
    "state",
    "reason",
    "api_paths",
    "url",
    "timeout",
    "replicas",
    "inflight",
    "idle_seconds",
    "estimated_start",
    "last_error",
}
REPLICA_FIELDS = {"job_id", "node", "port", "slurm_state", "slurm_reason"}


def test_info_carries_what_it_promises(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    everything = stack.info()
    assert everything["config_error"] is None
    assert everything["config_version"]
    assert set(everything["services"][0]) >= SERVICE_FIELDS
    assert stack.client.get(f"/{route}/echo").status_code == 200
    one = stack.info(route)
    assert set(one) >= SERVICE_FIELDS | {"events"}
    replica = one["replicas"][0]
    assert set(replica) >= REPLICA_FIELDS
    assert replica["slurm_state"] == "RUNNING"
    assert [event["state"] for event in one["events"]][-2:] == ["starting", "ready"]
    assert all({"at", "state", "reason", "text"} <= set(event) for event in one["events"])


def test_metrics_health_and_info_wake_nothing(stack: Stack, service: Callable[..., str]) -> None:
    """Prometheus' parser reads the metrics."""
    route = service()
    for path in ("/metrics", "/healthz", "/info", f"/info/{route}", "/"):
        assert stack.client.get(path).status_code == 200
    assert stack.client.get(f"/{route}/metrics").status_code == 503
    families = {
        f.name: f for f in text_string_to_metric_families(stack.client.get("/metrics").text)
    }
    states = families["orchestrator_service_state"].samples
    mine = {s.labels["state"]: s.value for s in states if s.labels["service"] == route}
    assert mine["cold"] == 1
    assert sum(mine.values()) == 1
    assert {"orchestrator_inflight", "orchestrator_held", "orchestrator_failures"} <= set(families)
    assert {"orchestrator_requests", "orchestrator_cold_start_seconds"} <= set(families)
    assert stack.client.get("/healthz").json()["status"] == "ok"
    assert stack.state(route) == "cold"
    assert stack.submissions(route) == 0
