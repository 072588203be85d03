"""Another user of the cluster who listens on a service's port does not get its requests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
