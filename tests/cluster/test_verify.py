"""Another user of the cluster who listens on a service's port does not get its requests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stack.stack import Stack, free_port
from tests.stack.waiting import wait_for

NOW = {"Prefer": "wait=0"}
NOBODY = 65534
ANSWERS_EVERYTHING = f"""
import http.server, os, socketserver, sys
os.setgid({NOBODY}); os.setuid({NOBODY})
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"forged")
    log_message = lambda *_: None
server = socketserver.ThreadingTCPServer(("0.0.0.0", int(sys.argv[1])), Answer)
print("listening", flush=True)
server.serve_forever()
"""


@contextmanager
def stranger(stack: Stack, node: str, port: int) -> Iterator[None]:
    command = [*stack.cluster.entering(node), sys.executable, "-c", ANSWERS_EVERYTHING, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "listening\n"
            yield
        finally:
            process.kill()


def _reason(stack: Stack, route: str) -> str:
    stack.client.get(f"/{route}/echo", headers=NOW)
    return str(stack.info(route)["reason"])


def test_a_stranger_who_took_the_port_first_gets_no_request(
    stack: Stack, service: Callable[..., str]
) -> None:
    node, port = stack.cluster.spec.nodes[0].name, free_port()
    with stranger(stack, node, port):
        route = service(
            remote_port=port, env={"REFUSE_PORT": "1"}, sbatch_args=[f"--nodelist={node}"]
        )
        wait_for("the stranger is noticed", lambda: _reason(stack, route) == "unverified", 30)
        answer = stack.client.get(f"/{route}/echo", headers={"Prefer": "wait=2"})
    assert (answer.status_code, stack.state(route)) == (503, "starting")
    assert "forged" not in answer.text
    assert "not provably" in answer.json()["detail"]
    assert "another user listens on the port" in stack.log()


def test_with_a_token_only_the_job_itself_is_routed(
    stack: Stack, service: Callable[..., str], route: str
) -> None:
    hiding = f"{route}-hiding"
    stack.configure(
        stack.entry(route, verify="token"),
        stack.entry(hiding, verify="token", env={"HIDE_JOB_TOKEN": "1"}),
    )
    answer = stack.client.get(f"/{route}/env")
    assert answer.status_code == 200, answer.text
    token = answer.json()["environment"]["IO_JOB_TOKEN"]
    assert len(token) >= 32
    assert "io-job-token" not in answer.headers
    wait_for("it is not routed", lambda: _reason(stack, hiding) == "unverified", 30)
    assert stack.state(hiding) == "starting"
    assert token not in stack.client.get("/info").text + stack.log()
    port = str(stack.info(route)["replicas"][0]["port"])
    assert port not in str(stack.info(route)["replicas"][0]["job_name"]).split(".")


@pytest.mark.timeout(120)
def test_replicas_with_one_port_run_on_different_nodes(stack: Stack, route: str) -> None:
    """Of two on one node the later makes way, at no cost, and is followed by another elsewhere."""
    first, *others = (node.name for node in stack.cluster.spec.nodes)
    port, two = free_port(), {"min_replicas": 2, "max_replicas": 2}

    def replicas(state: str) -> list[dict[str, Any]]:
        return [one for one in stack.info(route)["replicas"] if one["state"] == state]

    with stack.cluster.drained(*others):
        stack.configure(stack.entry(route, remote_port=port, **two))
        wait_for(
            "one makes way",
            lambda: [one for one in replicas("queued") if one["apart_from"] == [first]],
            60,
        )
        events = str(stack.info(route)["events"])
        assert "port_taken" in events
        assert f"not on {first}, where another replica has its port" in events
    wait_for("both are ready", lambda: len(replicas("ready")) == 2, 60)
    info = stack.info(route)
    assert len({one["node"] for one in info["replicas"]}) == 2
    assert (info["failures"], info["last_error"]) == (0, None)


@pytest.mark.timeout(120)
def test_a_second_replica_without_a_node_says_what_to_do(stack: Stack, route: str) -> None:
    """The partition has one node."""
    keys = {"remote_port": free_port(), "sbatch_args": ["--partition=small"], "max_replicas": 2}
    stack.configure(stack.entry(route, min_replicas=1, **keys))
    stack.wait_for_state(route, "ready")
    stack.configure(stack.entry(route, min_replicas=2, **keys))
    refused = wait_for("the second is refused", lambda: stack.info(route)["last_error"], 60)
    assert 'set remote_port to "auto", or ask for fewer replicas' in str(refused)
    assert stack.state(route) == "ready"
