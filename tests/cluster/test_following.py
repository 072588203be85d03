"""`logs --follow` and `status --watch`: through a change of the job, until Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.stack import Stack
from tests.stack.waiting import wait_for


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "service_management.cli", *words]


def test_a_service_is_followed_over_a_change_of_its_job(
    stack: Stack, service: Callable[..., str], tmp_path: Path
) -> None:
    route = service()
    stack.client.get(f"/{route}/echo")
    first = stack.jobs(route)[0]["id"]
    with (
        following(stack, tmp_path, "logs", route, "-f") as logs,
        following(stack, tmp_path, "status", route, "-w") as status,
    ):
        wait_for("its output", lambda: logs("out").count("listening on port") == 1)
        subprocess.run(command("restart", route, "--wait"), env=stack.environment, check=True)
        wait_for("its next job", lambda: logs("out").count("listening on port") == 2)
        wait_for("ready again", lambda: status("out").count(f"{route}: ready") > 1)
    second = stack.info(route)["replicas"][0]["job_id"]
    said = logs("err")
    assert said.index(f"job {first} has ended") < said.index(f"following job {second}")
    assert status("err") == ""


@contextmanager
def following(stack: Stack, directory: Path, *words: str) -> Iterator[Callable[[str], str]]:
    """A command that runs until Ctrl-C; then it ends at once, without a word."""
    names = {kind: directory / f"{words[0]}.{kind}" for kind in ("out", "err")}
    with names["out"].open("w") as out, names["err"].open("w") as err:
        process = subprocess.Popen(command(*words), env=stack.environment, stdout=out, stderr=err)
    try:
        yield lambda kind: names[kind].read_text()
    finally:
        process.send_signal(signal.SIGINT)
        ended = process.wait(10)
    assert (ended, "Aborted" in names["err"].read_text()) == (130, False)
