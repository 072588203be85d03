"""The batch scripts of examples/ on Slurm, and what docs/configuration.md says about batch scripts.
The programs that they run are stand-ins: tests/stand_ins."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.stack.stack import Stack
from tests.stand_ins.home import KINDS, Home, entry

MODEL = "Qwen/Qwen2.5-7B-Instruct"
SMALL = "Qwen/Qwen2.5-0.5B-Instruct"
PROMPT = {"prompt": "Slurm is", "max_new_tokens": 5}
# One request to each: method, path, body, and what its answer has somewhere.
REQUESTS: dict[str, tuple[str, str, Any, str]] = {
    "vllm": ("GET", "/v1/models", None, '"qwen2.5-7b"'),
    "llama-cpp": ("GET", "/v1/models", None, '"qwen2.5-7b"'),
    "tgi": ("POST", "/generate", {"inputs": "Hello"}, f"{MODEL} says hello"),
    "ollama": ("GET", "/api/tags", None, '"qwen2.5:7b"'),
    "transformers": ("POST", "/generate", PROMPT, f"5 tokens of {SMALL}"),
    "conda": ("POST", "/generate", PROMPT, f"5 tokens of {SMALL}"),
    "apptainer": ("GET", "/v1/models", None, MODEL),
    "modules": ("POST", "/generate", PROMPT, f"5 tokens of {SMALL}"),
    "huggingface-scratch": ("GET", "/v1/models", None, MODEL),
}


@pytest.fixture
def home(stack: Stack) -> Iterator[Home]:
    home = Home(stack.cluster)
    try:
        home.install()
        yield home
    finally:
        home.remove()


@pytest.mark.usefixtures("home")
def test_every_example_answers_through_the_gateway(stack: Stack) -> None:
    assert REQUESTS.keys() == set(KINDS)
    entries = {kind: entry(kind, stack.cluster) for kind in KINDS}
    stack.configure(*entries.values())

    def call(kind: str) -> httpx.Response:
        method, path, body, _ = REQUESTS[kind]
        route = entries[kind]["route_name"]
        answer = stack.client.request(method, f"/{route}{path}", json=body)
        stack.admin(route, "stop")  # its GPU is for the next one
        return answer

    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(KINDS, pool.map(call, KINDS), strict=True))

    assert {kind: answer.text for kind, answer in answers.items() if answer.is_error} == {}
    assert [kind for kind in KINDS if REQUESTS[kind][3] not in answers[kind].text] == []
    assert all(float(answer.headers["X-Cold-Start"]) > 0 for answer in answers.values())


WHERE = """\
#!/bin/bash
#SBATCH --time=00:05:00 --cpus-per-task=3
#SBATCH --chdir=/tmp --output=where-%j.out
export SCRIPT=$0 DIRECTORY=$PWD
. "$HOME/python.env"
exec "$DEMO_PYTHON" -m services.probe "$1"
"""


@pytest.fixture
def where(stack: Stack) -> Iterator[str]:
    """A batch script in a folder, for an account with SBATCH_TIMELIMIT."""
    home = stack.cluster.home
    (home / "where").mkdir()
    stack.cluster.write_script("where/run.sh", WHERE)
    (home / ".bashrc").write_text("export SBATCH_TIMELIMIT=00:06:00\n")
    yield "where/run.sh"
    shutil.rmtree(home / "where")
    (home / ".bashrc").unlink()


def test_a_batch_script_runs_as_documented(stack: Stack, where: str) -> None:
    """The section "The batch script" of docs/configuration.md."""
    wishes = {"plain": [], "entry-wins": ["--time=00:07:00"]}
    entries = [stack.entry(name, bash_file=where, sbatch_args=w) for name, w in wishes.items()]
    stack.configure(*entries)
    environments = {name: stack.client.get(f"/{name}/env").json() for name in wishes}
    jobs = {name: stack.info(name)["replicas"][0] for name in wishes}
    shown = {
        name: stack.cluster.run(f"scontrol show job {job['job_id']}") for name, job in jobs.items()
    }

    for name, job in jobs.items():
        assert f"Command={stack.cluster.home}/{where} {job['port']}\n" in shown[name]
        assert f"StdOut=/tmp/where-{job['job_id']}.out\n" in shown[name]
        assert "WorkDir=/tmp\n" in shown[name]
        assert "CPUs/Task=3" in shown[name]
        assert 20000 <= job["port"] <= 29999
        environment = environments[name]["environment"]
        assert environment["DIRECTORY"] == "/tmp"
        assert where not in environment["SCRIPT"]
    assert "TimeLimit=00:06:00" in shown["plain"]
    assert "TimeLimit=00:07:00" in shown["entry-wins"]
    assert jobs["plain"]["port"] != jobs["entry-wins"]["port"]
