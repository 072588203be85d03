"""Docker for these tests: the engine that runs, or one that the machine's own tool starts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from tests.stack.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
# Where no image registry is reached: starts an engine, and makes the base images.
TOOL = ROOT.parent / "shared" / "tools" / "docker-standins"
BASE = "python:3.11-slim-bookworm"
PID_FILE = Path("/run/docker.pid")


class NoEngine(Exception):
    """The text says why; nothing about containers can be tested."""


def answers() -> bool:
    return bool(shutil.which("docker")) and _succeeds("docker", "info")


def reason_against() -> str:
    """Empty where containers can be run here, once `start` has been called."""
    if answers() and compose():
        return "" if _succeeds("docker", "image", "inspect", BASE) or _pull() else _NO_IMAGE
    if TOOL.exists():
        return ""
    return "no Docker engine with compose answers here: nothing about containers was tested"


def start() -> bool:
    """True where the engine was started for these tests, and has to be ended by them."""
    if answers() and compose() and _succeeds("docker", "image", "inspect", BASE):
        return False
    ours = not answers()
    if TOOL.exists():
        made = subprocess.run([TOOL], check=False, capture_output=True, text=True, timeout=1200)
        if made.returncode != 0:
            if ours and answers():
                stop()
            said = (made.stderr or made.stdout).strip().splitlines()
            raise NoEngine(f"no Docker engine can be started here: {said[-1] if said else TOOL}")
    return ours


def stop() -> None:
    pid = int(PID_FILE.read_text())
    os.kill(pid, signal.SIGTERM)
    wait_for("the engine has ended", lambda: not psutil.pid_exists(pid), 30)


def compose() -> list[str]:
    """v2 where it is there, else 1.29; empty where there is neither."""
    if _succeeds("docker", "compose", "version"):
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


_NO_IMAGE = f"the base image {BASE} is not here, and no registry has it: nothing was tested"


def _pull() -> bool:
    return TOOL.exists() or _succeeds("docker", "pull", "-q", BASE)


def _succeeds(*argv: str) -> bool:
    done = subprocess.run(argv, check=False, capture_output=True, timeout=60)
    return done.returncode == 0
