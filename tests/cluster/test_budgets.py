"""Time: idleness runs from the end of the last activity; every phase has its own budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from websockets.sync.client import connect

from demo.cluster import Cluster
from tests.stack.gates import Gates
from tests.stack.stack import Stack
from tests.stack.waiting import wait_for, watch

TIMEOUT = 2.0  # idle seconds of the services here
LATE = 8.0  # beside other tests; the product's promise of 1.5 s is in test_workflows


@contextmanager
def in_background(*work: Callable[[], object]) -> Iterator[list[object]]:
    """Run beside the test; results in the order of their ends. Joined on the way out."""
    results: list[object] = []
    threads = [threading.Thread(target=lambda w=w: results.append(w())) for w in work]
    for thread in threads:
        thread.start()
    try:
        yield results
    finally:
        for thread in threads:
            thread.join(60)


@pytest.fixture
def full(stack: Stack) -> Iterator[Callable[[int], None]]:
    """Fill every CPU of the cluster with another user's job of so many minutes."""

    def fill(minutes: int) -> None:
        command = f"sbatch --parsable -N {len(stack.cluster.spec.nodes)} --exclusive"
        stack.cluster.run(f"{command} -t {minutes} -J other --wrap 'sleep 600' -o /dev/null")
        wait_for("the cluster is full", lambda: running(stack, "other"))

    yield fill
    stack.cluster.cancel_all()
    wait_for("it is free again", lambda: not stack.cluster.jobs(), 20)


@pytest.fixture
def gates(cluster: Cluster) -> Iterator[Gates]:
    made = Gates(cluster)
    yield made
    made.remove()


def running(stack: Stack, name: str) -> bool:
    jobs = stack.cluster.jobs()
    return any(job["name"] == name and job["state"] == "RUNNING" for job in jobs)


# -- waiting in the queue -----------------------------------------------------------------


def test_a_full_cluster_sends_slurms_reason_and_its_estimate(
    stack: Stack, service: Callable[..., str], full: Callable[[int], None]
) -> None:
    full(20)
    before = time.time()
    route = service(hold_timeout=6, queue_timeout=30)
    started = time.monotonic()

    answer = stack.client.post(f"/{route}/echo", content=b"patient")

    assert 6 <= time.monotonic() - started < 20  # sooner than queue_timeout
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["state"], problem["reason"]) == ("queued", "waiting_for_resources")
    assert problem["job"]["state"] == "PENDING"
    assert problem["job"]["reason"] in ("Resources", "Priority")
    assert before + 600 < problem["job"]["estimated_start"] < before + 1300
    assert "Slurm expects to start it in " in problem["detail"]
    assert "not enough resources are free" in problem["detail"] or "ahead" in problem["detail"]
    assert int(answer.headers["Retry-After"]) == 300
    assert stack.info(route)["estimated_start"] == problem["job"]["estimated_start"]
    assert [job["id"] for job in stack.jobs(route)] == [problem["job"]["id"]]


def test_queue_timeout_runs_from_the_last_request(
    stack: Stack, service: Callable[..., str], full: Callable[[int], None]
) -> None:
    """A pending job is kept as long as requests arrive."""
    full(20)
    route = service(hold_timeout=4, queue_timeout=2)
    begun = time.monotonic()
    with in_background(lambda: stack.client.get(f"/{route}/echo")):
        wait_for("the job", lambda: stack.jobs(route))

    wait_for("the job is gone", lambda: not stack.jobs(route), 15)

    assert time.monotonic() - begun >= 4 + 2  # not while the client was held, however long
    assert stack.submissions(route) == 1
    info = stack.wait_for_state(route, "cold")
    assert info["reason"] == "queue_timeout"


def test_a_held_request_is_answered_once_its_pending_job_runs(
    stack: Stack, service: Callable[..., str], full: Callable[[int], None]
) -> None:
    full(20)
    route = service(hold_timeout=60)
    with in_background(lambda: stack.client.post(f"/{route}/echo", content=b"x")) as answers:
        wait_for("it is pending", lambda: stack.jobs(route))
        stack.cluster.admin("scancel", "--name=other")
    assert [answer.status_code for answer in answers] == [200]
    assert stack.submissions(route) == 1


# -- starting -----------------------------------------------------------------------------


def test_start_longer_than_the_idle_timeout_is_not_killed(
    stack: Stack, service: Callable[..., str]
) -> None:
    route = service(timeout=1, env={"HEALTH_DELAY": "3"})
    stack.client.get(f"/{route}/echo", headers={"Prefer": "wait=0"})  # no client stays to wait

    stack.wait_for_state(route, "ready")

    assert stack.submissions(route) == 1
    stack.wait_for_state(route, "cold", seconds=10)
    assert stack.info(route)["reason"] == "idle"


def test_a_start_that_no_probe_could_see_is_not_given_up(
    stack: Stack, cluster: Cluster, service: Callable[..., str], gates: Gates
) -> None:
    """The login node is cut off for longer than startup_timeout; meanwhile the service is ready."""
    gate = gates.close_service("unseen")
    route = service(startup_timeout=4, bash_file="gated.sh", env={"GATE": str(gate.path)})
    stack.client.get(f"/{route}/echo", headers={"Prefer": "wait=0"})
    job = stack.wait_for_state(route, "starting")["replicas"][0]["job_id"]
    cluster.cut("login")
    try:
        gate.open()
        watch("the job is kept", lambda: stack.state(route) == "starting", 10)
    finally:
        cluster.heal("login")
    ready = stack.wait_for_state(route, "ready", "failed", "cold", seconds=60)
    assert (ready["state"], ready["replicas"][0]["job_id"]) == ("ready", job)


def test_startup_timeout_cancels_with_reason_and_output(stack: Stack, route: str) -> None:
    faults = {f"{route}sick": "HEALTH_DELAY", f"{route}deaf": "REFUSE_PORT"}
    stack.configure(
        *(stack.entry(name, startup_timeout=2, env={key: "60"}) for name, key in faults.items())
    )

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda name: stack.client.get(f"/{name}/echo"), faults))

    for name, answer in zip(faults, answers, strict=True):
        problem, info = answer.json(), stack.info(name)
        assert answer.status_code == 503
        assert problem["type"].endswith(":failed")
        assert problem["failure"] == info["last_error"]
        assert info["state"] == "failed"
        error = info["last_error"]
        assert (error["reason"], error["slurm_state"]) == ("startup_timeout", "CANCELLED")
        assert "startup_timeout" in error["text"]
        assert error["text"].endswith(f"Job {error['job_id']} was cancelled by the gateway")
        assert "sbatch --parsable" in stack.details(name)["last_error"]["command"]
        wait_for("the job is gone", lambda name=name: not stack.jobs(name))
    sick = stack.details(f"{route}sick")["last_error"]
    assert "GET /health answers 503: still loading?" in sick["text"]
    assert "listening" in sick["output"][-1]  # and not what Slurm says of the cancellation


# -- idle ---------------------------------------------------------------------------------


def streamed(stack: Stack, route: str) -> float:
    answer = stack.client.get(f"/{route}/stream?seconds={3 * TIMEOUT}")
    assert (answer.status_code, answer.content[-4:]) == (200, b"end\n")
    return time.monotonic()


def silent(stack: Stack, route: str) -> float:
    answer = stack.client.get(f"/{route}/slow?seconds={3 * TIMEOUT}")
    assert (answer.status_code, answer.json()["slept"]) == (200, 3 * TIMEOUT)
    return time.monotonic()


def websocket(stack: Stack, route: str) -> float:
    """Open, and without a word, for as long."""
    address = f"ws://127.0.0.1:{stack.port}/{route}/ws"
    with connect(address, open_timeout=60, proxy=None) as socket:
        opened = time.monotonic()
        wait_for("three timeouts", lambda: time.monotonic() - opened > 3 * TIMEOUT, 3 * TIMEOUT + 5)
        assert stack.info(route)["inflight"] == 1
        socket.send("still there")
        assert socket.recv(timeout=5) == "still there"
    return time.monotonic()


def seconds_awake_after(use: Callable[[Stack, str], float], stack: Stack, route: str) -> float:
    ended = use(stack, route)
    wait_for("the job is gone", lambda: not stack.jobs(route), 15, pause=0.02)
    return time.monotonic() - ended


def test_idle_timer_runs_from_the_end_of_a_long_request(stack: Stack, route: str) -> None:
    """Each request lasts three times as long as `timeout`."""
    uses = {f"{route}{use.__name__}": use for use in (streamed, silent, websocket)}
    stack.configure(*(stack.entry(name, timeout=TIMEOUT) for name in uses))

    with ThreadPoolExecutor() as pool:
        waits = [pool.submit(seconds_awake_after, use, stack, name) for name, use in uses.items()]
        for name, wait in zip(uses, waits, strict=True):
            assert TIMEOUT <= wait.result() <= TIMEOUT + LATE, name
    assert [stack.submissions(name) for name in uses] == [1, 1, 1]


def scrape(stack: Stack, route: str, until: threading.Event) -> set[int]:
    """What a monitoring system does, several times per idle timeout."""
    seen = set()
    with httpx.Client(base_url=stack.url, timeout=10) as client:
        while not until.wait(0.3):
            seen |= {client.get(f"/{route}{path}").status_code for path in ("/health", "/metrics")}
    return seen


def test_scrape_of_a_quiet_path_does_not_wake(stack: Stack, service: Callable[..., str]) -> None:
    route = service()
    for path in ("/health", "/metrics", "/health?deep=1"):
        answer = stack.client.get(f"/{route}{path}")
        assert answer.status_code == 503
        assert answer.json()["state"] == "cold"
    assert stack.state(route) == "cold"
    assert stack.submissions(route) == 0


def test_scrape_of_a_quiet_path_does_not_keep_awake(
    stack: Stack, service: Callable[..., str]
) -> None:
    route, stop = service(timeout=TIMEOUT), threading.Event()
    with in_background(lambda: scrape(stack, route, stop)) as seen:
        try:
            stack.client.get(f"/{route}/echo")
            ended = time.monotonic()
            assert stack.client.get(f"/{route}/metrics").text.startswith("# TYPE probe_requests")
            wait_for("the job is gone", lambda: not stack.jobs(route), 15, pause=0.02)
            assert time.monotonic() - ended <= TIMEOUT + LATE
            stack.wait_for_state(route, "cold")
        finally:
            stop.set()
    assert seen == [{200, 503}]
    assert stack.submissions(route) == 1
