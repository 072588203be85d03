"""Failures are reported with what helps to repair them; a repaired service works again."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


def ask(stack: Stack, route: str) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    answer = stack.client.post(f"/{route}/echo", content=b"please")
    return answer, time.monotonic() - started


def wait_out_the_pause(stack: Stack, route: str) -> None:
    wait_for("the back-off is over", lambda: time.time() > stack.info(route)["retry_at"], 20)


def assert_the_crash_is_explained(crash: dict[str, Any]) -> None:
    """The same in the 503 and in /info."""
    assert crash["reason"] == "ended_at_start"
    assert (crash["slurm_state"], crash["exit_code"]) == ("FAILED", 1)
    assert f"job {crash['job_id']}" in crash["text"]
    assert "Slurm says FAILED, exit code 1" in crash["text"]


def test_a_crash_at_start_is_explained_and_can_be_repaired(
    stack: Stack, service: Callable[..., str]
) -> None:
    """Requests are refused during the back-off."""
    model = stack.cluster.home / f"model-{time.time_ns()}"
    route = service(env={"CRASH_UNLESS_FILE": str(model)})
    pauses = []
    for attempt in (1, 2):
        answer, _ = ask(stack, route)

        assert answer.status_code == 503
        problem, info = answer.json(), stack.info(route)
        assert problem["type"].endswith(":failed")
        assert problem["state"] == info["state"] == "failed"
        assert_the_crash_is_explained(problem["failure"])
        assert_the_crash_is_explained(info["last_error"])
        details = stack.details(route)["last_error"]
        assert details["output"][-1] == f"probe: fatal: cannot load {model}"
        assert "sbatch --parsable" in details["command"]
        pauses.append(info["retry_at"] - info["last_error"]["at"])
        at_once, took = ask(stack, route)
        assert (at_once.status_code, took < 5) == (503, True)
        assert at_once.json()["failure"]["job_id"] == problem["failure"]["job_id"]
        assert 1 <= int(at_once.headers["Retry-After"]) <= pauses[-1] + 1
        assert stack.submissions(route) == attempt
        if attempt == 1:
            wait_out_the_pause(stack, route)
    assert pauses[1] > pauses[0] * 1.5

    model.write_text("weights")
    wait_out_the_pause(stack, route)
    answer, _ = ask(stack, route)

    assert answer.status_code == 200
    assert stack.submissions(route) == 3
    failures = [event for event in stack.details(route)["events"] if event["state"] == "failed"]
    assert len(failures) == 2
    for event in failures:  # each attempt, also those before the last
        for part in ("FAILED, exit code 1", str(model), "sbatch --parsable", "fatal: cannot load"):
            assert part in event["text"]


MISTAKES: dict[str, dict[str, Any]] = {
    "the service listens on 127.0.0.1:{port} only": {"env": {"LISTEN_ON_LOOPBACK": "1"}},
    "the job listens on port 8000, not on {port}": {"env": {"LISTEN_ON_PORT": "8000"}},
    "GET /healthz answers 404: is check_health_path right?": {"check_health_path": "/healthz"},
    "GET /health answers 503: still loading?": {"env": {"HEALTH_DELAY": "600"}},
    "{node}:{port} accepts connections, but does not": {"check_health_path": "/hang"},
}


def test_a_start_says_what_is_wrong_with_the_service(stack: Stack, route: str) -> None:
    wrong = {f"{route}{number}": text for number, text in enumerate(MISTAKES)}
    stack.configure(*(stack.entry(name, **MISTAKES[text]) for name, text in wrong.items()))
    for name in wrong:
        stack.client.get(f"/{name}/echo", headers={"Prefer": "wait=0"})

    for name, text in wrong.items():
        seen = str(wait_for(text, partial(_seen, stack, name, text), 60))
        answer = stack.client.get(f"/{name}/echo", headers={"Prefer": "wait=0"})
        assert (answer.status_code, answer.json()["state"]) == (503, "starting")
        assert seen in answer.json()["detail"]
        assert seen in stack.orchestrator("status", name).stdout
        events = [event["text"] for event in stack.info(name)["events"]]
        assert sum(event.startswith(seen) for event in events) == 1


def _seen(stack: Stack, route: str, expected: str) -> str | None:
    """The sentence, once it begins as expected."""
    info = stack.info(route)
    if info["probe"] is None:
        return None
    text, where = str(info["probe"]["text"]), info["replicas"][0]
    return text if text.startswith(expected.format(**where)) else None


def test_a_service_never_gets_the_port_of_another(stack: Stack, route: str) -> None:
    """Both jobs run on one node, with one fixed port: only the first one can listen there."""
    args = [f"--nodelist={stack.cluster.spec.nodes[0].name}", "--cpus-per-task=1"]
    keys = {"remote_port": 19777, "sbatch_args": args}
    first, late = f"{route}-first", f"{route}-late"
    elsewhere = {"env": {"LISTEN_ON_PORT": "19778"}}  # so that it does not end at once
    stack.configure(stack.entry(first, **keys), stack.entry(late, **keys, **elsewhere))
    assert stack.client.post(f"/{first}/echo", content=b"x").status_code == 200
    answer = stack.client.post(f"/{late}/echo", content=b"x", headers={"Prefer": "wait=8"})
    assert answer.status_code == 503
    said = f"is the port of the service {first}"
    wait_for("the conflict is said", lambda: said in stack.info(late)["text"])
    assert stack.client.post(f"/{first}/echo", content=b"x").status_code == 200


def test_a_server_in_the_background_is_recognized(
    stack: Stack, service: Callable[..., str]
) -> None:
    answer, _ = ask(stack, service(bash_file="background.sh", env={"START_DELAY": "30"}))

    problem = answer.json()
    assert (problem["state"], problem["failure"]["exit_code"]) == ("failed", 0)
    assert "its server was in the background: end it with `wait`" in problem["detail"]


def test_held_requests_are_answered_as_soon_as_a_crash_is_known(
    stack: Stack, service: Callable[..., str]
) -> None:
    answer, took = ask(stack, service(hold_timeout=60, env={"CRASH_AT_START": "7"}))

    assert answer.json()["failure"]["exit_code"] == 7
    assert took < 15


def test_a_refusal_by_sbatch_is_quoted_to_the_client_at_once(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(sbatch_args=["--partition=no-such-partition"])

    answer, took = ask(stack, route)

    assert (answer.status_code, took < 10) == (503, True)
    problem = answer.json()
    assert problem["reason"] == "submit_rejected"
    assert "invalid partition specified: no-such-partition" in problem["detail"]
    command = stack.details(route)["last_error"]["command"]
    assert "sbatch --parsable --partition=no-such-partition" in command
    assert stack.info(route)["last_error"] == problem["failure"]
    assert stack.submissions(route) == 0


@pytest.mark.parametrize("fault", ["drop", "crash?code=3"])
def test_post_whose_answer_breaks_off_is_502_and_never_repeated(
    stack: Stack, service: Callable[..., str], fault: str
) -> None:
    route = service()
    stack.client.get(f"/{route}/echo")

    answer = stack.client.post(
        f"/{route}/{fault}", content=b"once", headers={"X-Execution-Id": "x"}
    )

    assert answer.status_code == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:inference-orchestrator:problem:broke-off"
    if fault == "drop":
        assert stack.client.get(f"/{route}/executed").json()["ids"] == {"x": 1}
        assert stack.submissions(route) == 1
        return
    info = stack.wait_for_state(route, "failed", "cold")
    assert info["last_error"]["exit_code"] == 3
    output = stack.details(route)["last_error"]["output"]
    assert output.count("told to crash by a request") == 1
    wait_out_the_pause(stack, route)
    again, _ = ask(stack, route)
    assert again.status_code == 200
    assert stack.submissions(route) == 2
    assert "/crash" not in stack.client.get(f"/{route}/executed").json()["paths"]


def test_a_request_restarts_a_job_cancelled_by_another_user(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    stack.client.get(f"/{route}/echo")
    stack.cluster.run(f"scancel {stack.jobs(route)[0]['id']}")
    wait_for("it is gone", lambda: not stack.jobs(route))
    stack.client.get(f"/{route}/echo")  # a request that meets the silence has Slurm asked about it
    info = stack.wait_for_state(route, "failed", "cold")
    assert info["last_error"]["slurm_state"] == "CANCELLED"
    wait_out_the_pause(stack, route)

    answer, _ = ask(stack, route)

    assert answer.status_code == 200
    assert stack.submissions(route) == 2


def test_status_codes_of_the_service_pass_as_its_own(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service()
    for code in (500, 201, 204, 304, 400, 404, 413, 418, 429, 500, 502, 503, 504):
        answer = stack.client.post(f"/{route}/status?code={code}", content=b"x")

        assert answer.status_code == code
        assert answer.headers["X-Probe"] == f"status-{code}"
        if code not in (204, 304):
            assert answer.json() == {"status": code}
    assert stack.client.get(f"/{route}/executed").json()["paths"] == {"/status": 13}
