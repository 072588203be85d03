"""The processes in the gateway's container, by what they are there for."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass

from tests.docker.deployment import Deployment


@dataclass(frozen=True)
class Process:
    pid: int
    started: int  # a new container uses the old one's numbers again
    parent: int
    command: str


def find(deployment: Deployment, program: str) -> set[Process]:
    """Nothing while the container is not there."""
    found = _processes(deployment)
    return {process for process in found.values() if _KINDS[program](process, found)}


def send(deployment: Deployment, number: signal.Signals, wanted: set[Process]) -> None:
    words = " ".join(str(process.pid) for process in wanted)
    # With the supervisor goes the container, and this command's end with it.
    deployment.inside("sh", "-c", f"kill -{int(number)} {words}", check=False)


def _processes(deployment: Deployment) -> dict[int, Process]:
    said = deployment.inside("python", "-c", _LIST, check=False)
    try:
        rows = json.loads(said)
    except ValueError:
        return {}
    return {row[0]: Process(*row) for row in rows}


def _under(process: Process, word: str, found: dict[int, Process]) -> bool:
    parent = found.get(process.parent)
    return parent is not None and word in parent.command


_KINDS = {
    "nginx's master": lambda p, _: p.command.startswith("nginx: master"),
    "an nginx worker": lambda p, _: p.command.startswith("nginx: worker process"),
    "gunicorn's master": lambda p, all_: "gunicorn" in p.command and _under(p, "supervis", all_),
    "gunicorn's worker": lambda p, all_: "gunicorn" in p.command and _under(p, "gunicorn", all_),
    "an ssh master": lambda p, _: p.command.startswith("ssh ") and " -M " in p.command,
    "the way to the demo": lambda p, all_: p.command.startswith("socat") and _under(p, "sup", all_),
    "the supervisor": lambda p, all_: "supervisord.conf" in p.command and _under(p, "tini", all_),
}

_LIST = """
import json, pathlib
rows = []
for entry in pathlib.Path("/proc").glob("[0-9]*"):
    try:
        words = (entry / "cmdline").read_bytes().split(b"\\0")
        command = b" ".join(words).decode(errors="replace").strip()
        stat = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        continue
    if command:
        rows.append((int(entry.name), int(stat[19]), int(stat[1]), command))
print(json.dumps(rows))
"""
