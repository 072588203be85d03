"""examples/: every folder is complete, its entry is valid and its script keeps to the rules of
examples/README.md. tests/cluster/test_examples.py runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service_management.config import Catalogue, Service
from service_management.config.loader import load
from tests.docs.pages import ROOT, rows, section
from tests.stand_ins import home, programs

EXAMPLES = ROOT / "examples"
OVERVIEW = "examples/README.md"
EVERY = pytest.mark.parametrize("kind", home.KINDS)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "id_cluster")]
    subprocess.run(command, check=True)
    return folder


def service(kind: str, keys: Path) -> Service:
    found = load(EXAMPLES / kind / "services_config.json", key_dir=keys)
    assert isinstance(found, Catalogue), found
    (service,) = found.services.values()
    return service


def statements(kind: str) -> list[str]:
    """The script's commands; one that continues on the next line is one."""
    text = (EXAMPLES / kind / "run_model.sh").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_every_folder_is_in_the_overview() -> None:
    listed = {row[0].partition("]")[0].lstrip("[") for row in rows(section(OVERVIEW, "Examples"))}
    assert listed == {path.parent.name for path in EXAMPLES.glob("*/README.md")}
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert listed == {*home.KINDS, "grafana"}


@EVERY
def test_an_entry_is_valid_and_names_its_script(kind: str, keys: Path) -> None:
    found = service(kind, keys)
    assert found.bash_file == f"{kind}/run_model.sh"
    assert found.remote_port == "auto"
    (shown,) = [row[2] for row in rows(section(OVERVIEW, "Examples")) if f"[{kind}]" in row[0]]
    assert shown == f"`{found.check_health_path}`"


@EVERY
def test_a_script_is_strict_and_ends_in_its_server(kind: str) -> None:
    lines = statements(kind)
    assert lines[:2] == ["set -euo pipefail", "port=$1"]
    assert lines[-1].startswith("exec ")
    assert "0.0.0.0" in "".join(lines)
    assert '"$port"' in lines[-1] or "$port" in "".join(lines[2:-1])
    assert os.access(EXAMPLES / kind / "run_model.sh", os.X_OK)


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    # What is sourced is on the cluster.
    scripts = sorted(map(str, EXAMPLES.glob("*/*.sh")))
    done = subprocess.run(
        ["shellcheck", "--exclude=SC1090,SC1091", *scripts],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_missing_weights_are_named_with_the_command(tmp_path: Path) -> None:
    entry = json.loads((EXAMPLES / "huggingface-scratch/services_config.json").read_text())
    env = {**os.environ, **entry["Services"][0]["env"], "HF_HOME": str(tmp_path)}
    script = EXAMPLES / "huggingface-scratch/run_model.sh"
    done = subprocess.run(
        ["bash", str(script), "20000"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"HF_HOME={tmp_path} hf download Qwen/Qwen2.5-7B-Instruct" in done.stderr


@pytest.mark.parametrize("program", sorted(programs.PROGRAMS))
def test_a_stand_in_refuses_what_is_not_documented(program: str) -> None:
    """Otherwise the examples' options would not be tested."""
    words = {"vllm": ["serve", "model"], "apptainer": ["exec"]}.get(program, [])
    command = [sys.executable, programs.__file__, program, *words, "--prot", "1", "image"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{program} (stand-in): ")
    assert "--prot" in done.stderr
