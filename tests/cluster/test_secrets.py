"""One secret in every place where a service can have one: none shows without the admin token."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.stack.stack import TOKEN, Stack
from tests.stack.waiting import wait_for

HTML = {"Accept": "text/html"}


def answers(stack: Stack, route: str) -> str:
    """Everything that is shown without a token, apart from metrics."""
    client = stack.client
    texts = [client.get(path).text for path in ("/", "/info", f"/info/{route}")]
    for path in (f"/info/{route}", f"/{route}/nothing-here"):
        texts.append(client.get(path, headers=HTML).text)
    for headers in ({}, HTML, {"Prefer": "wait=0"}):
        texts.append(client.get(f"/{route}/echo", headers=headers).text)
    return "\n".join(texts)


def public(stack: Stack, route: str) -> str:
    """The metrics and the logs too: they name logins, but show no values."""
    texts = [answers(stack, route), stack.client.get("/metrics").text]
    logs = (stack.directory / "var" / "log", stack.run_dir / "log")
    files = [file for directory in logs for file in directory.iterdir() if file.is_file()]
    return "\n".join([*texts, *(file.read_text(errors="replace") for file in files)])


def test_a_failed_jobs_output_needs_the_admin_token(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(
        env={"CANARY": "env-canary", "CRASH_UNLESS_FILE": "/output-canary"},
        sbatch_args=["--comment=argument-canary"],
    )
    assert stack.client.get(f"/{route}/echo").status_code == 503
    stack.wait_for_state(route, "failed")

    shown = public(stack, route)
    assert "ended_at_start" in shown
    for secret in ("env-canary", "output-canary", "argument-canary"):
        assert secret not in shown

    details = json.dumps(stack.details(route))
    assert "output-canary" in details
    assert "argument-canary" in details
    assert "env-canary" not in details
    assert "output-canary" in stack.orchestrator("status", route).stdout


def test_what_ssh_says_of_a_login_needs_the_admin_token(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(ssh_username="login-canary", check_health_path="/status?code=200,key-canary")
    answer = stack.client.get(f"/{route}/echo")
    assert "The gateway's login is refused by the cluster." in answer.json()["detail"]
    shown = answers(stack, route)
    for secret in ("login-canary", str(stack.cluster.key_file), "key-canary", "authorized_keys"):
        assert secret not in shown

    said = f"does not accept the key {stack.cluster.key_file}"
    assert said in stack.orchestrator("status", route).stdout
    assert "login-canary" in stack.orchestrator("status").stdout  # cut at the width
    assert said in stack.log()


def test_an_option_that_sbatch_repeats_is_shown_without_value(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(sbatch_args=["--no-such-option=argument-canary"])
    assert stack.client.get(f"/{route}/echo").json()["reason"] == "submit_rejected"
    shown = public(stack, route)
    assert "--no-such-option=..." in shown
    assert "argument-canary" not in shown


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"env": {"KEY": ["type-canary"]}}, "env.KEY"),
        ({"env": ["KEY=type-canary"]}, "env"),
        ({"sbatch_args": ["--comment type-canary"]}, "sbatch_args"),
        ({"sbatch_args": ["type-canary"]}, "sbatch_args"),
        ({"timeout": "type-canary"}, "timeout"),
        ({"enviroment": {"KEY": "type-canary"}}, "enviroment"),
    ],
)
def test_wrong_values_are_shown_only_with_the_admin_token(
    stack: Stack, route: str, change: dict[str, object], where: str
) -> None:
    stack.write([{**stack.entry(route), **change}])
    wait_for("it is refused", lambda: where in str(stack.info()["config_error"]), 10)
    assert "type-canary" not in public(stack, route)
    answer = stack.client.get("/admin/config", headers={"Authorization": f"Bearer {TOKEN}"})
    assert where in answer.json()["config_error"]["text"]


def test_what_is_near_a_syntax_error_is_not_shown(stack: Stack, route: str) -> None:
    text = json.dumps({"Services": [stack.entry(route, env={"KEY": "syntax-canary"})]})
    stack.config.write_text(text.replace('"syntax-canary"', '"syntax-canary'))
    wait_for("it is refused", lambda: "is not JSON" in str(stack.info()["config_error"]), 10)
    assert "syntax-canary" not in public(stack, route)
    assert "syntax-canary" not in stack.orchestrator("validate", check=False).stderr
