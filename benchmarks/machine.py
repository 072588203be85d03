"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import date
from pathlib import Path

from benchmarks.endpoint import ROOT

VERSIONS = {
    "nginx": ("/usr/sbin/nginx", "-v"),
    "OpenSSH": ("ssh", "-V"),
    "Slurm": ("/usr/sbin/slurmctld", "-V"),
    "wrk": ("wrk", "-v"),
}


def facts() -> dict[str, str]:
    memory = Path("/proc/meminfo").read_text().split(maxsplit=2)[1]
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "date": date.today().isoformat(),
        "commit": _said("git", "-C", str(ROOT), "describe", "--always", "--dirty"),
        "cores": str(os.cpu_count()),
        "processor": model[1] if model else platform.machine(),
        "memory": f"{int(memory) / (1 << 20):.0f} GiB",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        **{name: _number(_said(*command)) for name, command in VERSIONS.items()},
    }


def words() -> str:
    return ", ".join(f"{name} {value}" for name, value in facts().items())


def _said(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def _number(text: str) -> str:
    found = re.search(r"\d[\w.]*", text)
    return found[0] if found else text
