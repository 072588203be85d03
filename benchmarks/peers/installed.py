"""Programs that this project does not install: from PATH, or from a cache outside the repository.

Caddy is built into the cache if Go is there. The others have to be put there by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

MODULES = {"caddy": "github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9"}
PACKAGES = {"haproxy": "haproxy"}  # of Debian
BUILD_SECONDS = 1800


class Missing(Exception):
    """A program is not there; the text says how to get it."""


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "inference-orchestrator" / "peers"


def find(name: str) -> str:
    """The program's path."""
    places = os.pathsep.join([str(cache()), os.environ.get("PATH", os.defpath), "/usr/sbin"])
    found = shutil.which(name, path=places)
    if not found:
        raise Missing(_advice(name))
    return found


def _advice(name: str) -> str:
    if name in PACKAGES:
        return f"{name} is missing: apt-get install {PACKAGES[name]}"
    if name in MODULES:
        return f"{name} is missing, and so is Go, which would build it"
    return f"{name} is missing: build it as its documentation says, and put it into {cache()}"


def build(name: str, say: Callable[[str], None]) -> None:
    """Builds it into the cache, if it is missing and Go can build it."""
    go = shutil.which("go")
    if name not in MODULES or not go or (cache() / name).exists() or shutil.which(name):
        return
    cache().mkdir(parents=True, exist_ok=True)
    say(f"peers: building {MODULES[name]} (minutes)")
    argv = [go, "install", MODULES[name]]
    environment = {**os.environ, "GOBIN": str(cache())}
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        say(f"peers: {name} could not be built: {said[-1] if said else done.returncode}")
