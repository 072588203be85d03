"""start.cmd reads .env as the product does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values

ENV_SH = Path(__file__).resolve().parents[2] / "tools" / "env.sh"
LINES = (
    "NGINX_PORT=9000",
    'NGINX_PORT="9000"',
    "NGINX_PORT='9000'",
    "NGINX_PORT=9000 # mine",
    'NGINX_PORT="9000"  # mine',
    "export NGINX_PORT=9000",
    "  NGINX_PORT = 9000  ",
    "NGINX_PORT=9000\r",
    "NGINX_PORT=8000\nNGINX_PORT=9000",
    "#NGINX_PORT=9000",
    "MY_NGINX_PORT=9000",
    "NGINX_PORT=",
    'NGINX_PORT="/a b/c#d"',
    "NGINX_PORT=/a/c#d",
)


def setting(directory: Path, **environment: str) -> str:
    script = f'. {ENV_SH}; printf "%s" "$(setting NGINX_PORT 8090)"'
    inherited = {name: os.environ[name] for name in ("PATH", "HOME")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env=inherited | environment,
        check=True,
        text=True,
        capture_output=True,
    )
    return done.stdout


@pytest.mark.parametrize("line", LINES)
def test_a_setting_is_what_the_product_reads(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    assert setting(tmp_path) == (dotenv_values(tmp_path / ".env").get("NGINX_PORT") or "8090")


def test_the_environment_comes_first_and_no_file_is_needed(tmp_path: Path) -> None:
    assert setting(tmp_path) == "8090"
    (tmp_path / ".env").write_text("NGINX_PORT=9000\n")
    assert setting(tmp_path, NGINX_PORT="9001") == "9001"
    assert setting(tmp_path, NGINX_PORT="~/x") == f"{os.environ['HOME']}/x"
