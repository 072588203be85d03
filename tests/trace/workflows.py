"""The two workflows: a request while the service does not run, and one while it does."""

from __future__ import annotations

import time

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for
from tests.trace.evidence import SCRIPT, Evidence, note_calls
from tests.trace.steps import CLIENT, CONTROL, LOGIN, NGINX, SERVICE, SLURM, Step, Trace, trace

ROUTE, TIMEOUT = "probe", 5
IDLE_BEFORE = 2.0  # seconds without a request, before the second one


def record(stack: Stack) -> tuple[Trace, Trace]:
    note_calls(stack)
    stack.configure(stack.entry(ROUTE, bash_file=SCRIPT, timeout=TIMEOUT, access_log="full"))
    wait_for("the gateway is logged in", lambda: list((stack.run_dir / "ssh").glob("*.ctl")))
    wait_for("it has polled for orphan jobs", (stack.cluster.home / "calls").exists)
    return _not_running(stack), _running(stack)


def _not_running(stack: Stack) -> Trace:
    answer = stack.client.post(f"/{ROUTE}/echo", content=b"hello")
    answer.raise_for_status()
    seen = Evidence(stack, ROUTE)
    [replica] = seen.info["replicas"]
    job, node, port = f"job {replica['job_id']}", replica["node"], replica["port"]
    request = wait_for("it is in the access log", seen.requests)[-1]
    began, replayed = request.begun, request.ended - request.took[-1]
    looks = [at for at in seen.calls("squeue") if began < at < seen.event("loading", "starting")]
    steps = [
        Step(began, CLIENT, NGINX, f"POST /{ROUTE}/echo"),
        Step(began + request.took[0], NGINX, CONTROL, "not running: hold it"),
        Step(seen.event("submitting", "queued"), CONTROL, CONTROL, "intent stored", "queued"),
        Step(seen.calls("sbatch")[-1], CONTROL, LOGIN, f"sbatch {SCRIPT} {port}"),
        Step(seen.slurm("_slurm_rpc_submit_batch_job"), LOGIN, SLURM, f"{job} submitted"),
        Step(seen.slurm("Started JobId"), SLURM, SERVICE, f"{job} starts on {node}"),
        Step(seen.calls("job")[-1], SERVICE, SERVICE, "script runs"),
        Step(looks[-1], CONTROL, SLURM, f"squeue (look {len(looks)}): {job} runs"),
        Step(seen.event("loading", "starting"), CONTROL, CONTROL, "Slurm runs it", "starting"),
        Step(seen.calls("scontrol")[-1], CONTROL, LOGIN, f"where is {node}?"),
        Step(seen.tunnel(), CONTROL, LOGIN, f"tunnel to {node}:{port}"),
        Step(seen.event("healthy", "ready"), SERVICE, CONTROL, "GET /health: 200", answer=True),
        Step(seen.event("healthy", "ready"), CONTROL, CONTROL, "stored", "ready"),
        Step(seen.published(), CONTROL, NGINX, "route published"),
        Step(replayed, CONTROL, NGINX, "replay it", answer=True),
        Step(replayed, NGINX, SERVICE, f"POST /{ROUTE}/echo, the same body, through the tunnel"),
        Step(request.ended, SERVICE, NGINX, "200", answer=True),
        Step(
            request.ended,
            NGINX,
            CLIENT,
            f"200, X-Cold-Start: {answer.headers['X-Cold-Start']}",
            answer=True,
        ),
    ]
    return trace("A request while the service is not running", began, steps)


def _running(stack: Stack) -> Trace:
    idle_before = wait_for("some idleness", lambda: _idle(stack) > IDLE_BEFORE and _idle(stack))
    stack.client.get(f"/{ROUTE}/echo").raise_for_status()
    idle_after = wait_for("idle again", lambda: _idle(stack) < idle_before and _idle(stack))
    looked = time.time()
    job = stack.jobs(ROUTE)[0]
    stack.wait_for_state(ROUTE, "cold")
    seen = Evidence(stack, ROUTE)
    request, gone = seen.requests()[-1], seen.event("idle", "cold")
    began, number = request.begun, f"job {job['id']}"
    looks = [at for at in seen.calls("squeue") if seen.calls("scancel")[-1] < at < gone]
    idle = f"idle: {idle_before:.1f} s → {idle_after:.1f} s"
    steps = [
        Step(began, CLIENT, NGINX, f"GET /{ROUTE}/echo"),
        Step(began, NGINX, SERVICE, f"GET /{ROUTE}/echo, through the tunnel"),
        Step(began, NGINX, CONTROL, "a copy: demand"),
        Step(began + request.took[-1], SERVICE, NGINX, "200", answer=True),
        # The log's own end of the request waits for the copy, the client does not.
        Step(began + request.took[-1], NGINX, CLIENT, "200", answer=True),
        Step(looked, CONTROL, CONTROL, idle),
        Step(seen.unpublished(), CONTROL, NGINX, "route removed"),
        Step(seen.event("idle", "draining"), CONTROL, CONTROL, f"idle {TIMEOUT} s", "draining"),
        Step(seen.calls("scancel")[-1], CONTROL, LOGIN, f"scancel {job['id']}"),
        Step(seen.slurm("REQUEST_KILL_JOB"), LOGIN, SLURM, f"cancel {number}"),
        Step(seen.slurm("CANCELLED", f"slurmd.{job['node']}"), SLURM, SERVICE, "SIGTERM"),
        Step(seen.slurm("done with job", f"slurmd.{job['node']}"), SERVICE, SERVICE, "ended"),
        Step(looks[-1], CONTROL, SLURM, f"squeue (look {len(looks)}): {number} is over"),
        Step(gone, CONTROL, CONTROL, "GPUs are free", "cold"),
    ]
    return trace("A request while the service is running, then silence", began, steps)


def _idle(stack: Stack) -> float:
    return float(stack.info(ROUTE)["idle_seconds"] or 0)
