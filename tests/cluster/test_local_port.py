"""A service's own address, automatic ports, services that are always on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.stack.stack import Stack, free_port
from tests.stack.waiting import wait_for

PATIENT = httpx.Timeout(60)


def test_a_local_port_serves_cold_and_warm_without_the_prefix(
    stack: Stack, service: Callable[..., str]
) -> None:
    port = free_port()
    route = service(local_host="127.0.0.1", local_port=port, api_paths=["/echo", "/hash"])
    url = f"http://127.0.0.1:{port}"

    refused = httpx.post(f"{url}/echo", content=b"x", headers={"Prefer": "wait=0"})
    assert refused.status_code == 503
    assert refused.json()["service"] == route
    assert "Retry-After" in refused.headers

    cold = httpx.post(f"{url}/echo?a=1", content=b"cold", timeout=PATIENT)
    assert cold.status_code == 200
    assert cold.json()["request_line"] == "POST /echo?a=1 HTTP/1.1"
    assert (cold.json()["length"], cold.json()["query"]) == (4, "a=1")
    assert "X-Cold-Start" in cold.headers

    warm = httpx.post(f"{url}/echo", content=b"warm!", timeout=PATIENT)
    assert (warm.status_code, warm.json()["length"]) == (200, 5)
    assert "X-Cold-Start" not in warm.headers
    assert stack.client.get(f"/{route}/echo").status_code == 200
    assert stack.submissions(route) == 1


def test_an_undeclared_path_at_the_local_port_is_404(
    stack: Stack, service: Callable[..., str]
) -> None:
    """And it starts nothing."""
    port = free_port()
    route = service(local_host="127.0.0.1", local_port=port, api_paths=["/echo"])
    for path in ("/", "/hash", "/echo/more", "/info", f"/{route}/echo"):
        answer = httpx.get(f"http://127.0.0.1:{port}{path}")
        assert answer.status_code == 404, path
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert stack.state(route) == "cold"
    assert stack.submissions(route) == 0


def test_automatic_ports_on_one_node_differ(stack: Stack, route: str) -> None:
    node = stack.cluster.spec.nodes[0].name
    names = [f"{route}-a", f"{route}-b"]
    args = [f"--nodelist={node}", "--cpus-per-task=1"]
    stack.configure(*(stack.entry(name, sbatch_args=args) for name in names))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda name: stack.client.get(f"/{name}/env").json(), names))
    replicas = [stack.info(name)["replicas"][0] for name in names]
    assert [replica["node"] for replica in replicas] == [node, node]
    assert len({replica["port"] for replica in replicas}) == 2
    assert [int(answer["argv"][1]) for answer in answers] == [r["port"] for r in replicas]


def test_min_replicas_1_starts_and_restarts_without_a_request(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(min_replicas=1, timeout=1)
    stack.wait_for_state(route, "ready")
    first = stack.info(route)["replicas"][0]["job_id"]
    assert "stays running" in stack.info(route)["next"]

    stack.cluster.admin("scancel", first)

    def second() -> bool:
        jobs = stack.info(route)["replicas"]
        return bool(jobs) and jobs[0]["job_id"] not in (None, first)

    wait_for("another job", second, 30)
    stack.wait_for_state(route, "ready")
    assert stack.client.get(f"/{route}/echo").status_code == 200


def test_an_always_on_service_ends_only_when_disabled(
    stack: Stack, service: Callable[..., str]
) -> None:
    """It outlives its `timeout`."""
    route = service(min_replicas=1, timeout=1)
    ready = stack.wait_for_state(route, "ready")
    wait_for("idle beyond its timeout", lambda: stack.info(route)["idle_seconds"] > 2.5, 10)
    assert stack.info(route)["since"] == ready["since"]
    assert stack.admin(route, "disable").status_code == 200
    stack.wait_for_state(route, "disabled")
    wait_for("no job", lambda: not stack.jobs(route), 10)
    assert stack.admin(route, "enable").json()["state"] in ("cold", "queued")
    stack.wait_for_state(route, "ready")
