"""The nginx program of this machine, and the modules that the gateway loads into it."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

# ngx_http_lua runs the header filter in snippets/answer_filter.conf, and needs the first.
MODULES = ("ndk_http_module.so", "ngx_http_lua_module.so")
LUA_PACKAGE = "libnginx-mod-http-lua"


def binary() -> str:
    """Debian has it in a directory that is not in every user's PATH."""
    return shutil.which("nginx") or "/usr/sbin/nginx"


@lru_cache(maxsize=1)
def modules_dir() -> Path:
    """Where this nginx was built to find its modules."""
    try:
        done = subprocess.run([binary(), "-V"], capture_output=True, text=True, check=False)
    except OSError:
        return Path("/usr/lib/nginx/modules")  # no nginx here: the configuration is only rendered
    found = re.search(r"--modules-path=(\S+)", done.stderr)
    return Path(found[1] if found else "/usr/lib/nginx/modules")


def missing_modules() -> str | None:
    """A sentence for the operator, or None."""
    missing = [name for name in MODULES if not (modules_dir() / name).is_file()]
    if not missing:
        return None
    return (
        f"nginx's Lua module is not installed ({modules_dir()} has no {' and no '.join(missing)}): "
        f"run ./start.cmd as root, which installs it, or install the package {LUA_PACKAGE}"
    )
