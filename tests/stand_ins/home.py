"""An account's home directory as the READMEs of examples/ leave it, with stand-ins for what cannot
be installed here."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from demo.cluster import Cluster

EXAMPLES = Path(__file__).parents[2] / "examples"
HERE = Path(__file__).parent
KINDS = sorted(script.parent.name for script in EXAMPLES.glob("*/run_model.sh"))

RUN = '#!/bin/sh\n. "$HOME/python.env"\n'
PROGRAM = RUN + 'exec "$DEMO_PYTHON" "$HOME/stand-ins/programs.py" {name} "$@"\n'
PYTHON = RUN + 'PYTHONPATH="$HOME/stand-ins/modules:$PYTHONPATH" exec "$DEMO_PYTHON" "$@"\n'
ACTIVATE = 'export PATH="$HOME/venvs/{name}/bin:$PATH"\n'
ON_PATH = 'export PATH="$HOME/bin:$PATH"\n'

PROGRAMS = {
    "vllm": ("venvs/vllm/bin", "stand-ins/image"),
    "text-generation-launcher": ("stand-ins/image",),
    "llama-server": ("llama.cpp/build/bin",),
    "ollama": ("ollama/bin",),
    "apptainer": ("bin",),
}
PYTHONS = ("venvs/transformers/bin", "venvs/modules/bin", "miniforge3/envs/serving/bin")
DATA = (
    "scratch/gguf/qwen2.5-7b-instruct-q4_k_m.gguf",
    "scratch/images/tgi.sif",
    "scratch/images/vllm.sif",
    "scratch/ollama/qwen2.5:7b",
    "scratch/huggingface/hub/models--Qwen--Qwen2.5-7B-Instruct/refs/main",
)


def entry(kind: str, cluster: Cluster) -> dict[str, Any]:
    """The entry of an example, for this cluster and its directories."""
    text = (EXAMPLES / kind / "services_config.json").read_text()
    for documented, here in (
        ("/scratch/alice", cluster.home / "scratch"),
        ("/home/alice", cluster.home),
    ):
        text = text.replace(documented, str(here))
    (service,) = json.loads(text)["Services"]
    login = {
        "ssh_username": cluster.ssh_user,
        "ssh_key_file": str(cluster.key_file),
        "remote_host": cluster.ssh_host,
        "ssh_port": cluster.ssh_port,
    }
    return {**service, **login}


class Home:
    """What `install` writes, and `remove` takes away again."""

    def __init__(self, cluster: Cluster) -> None:
        self._root, self._uid = cluster.home, cluster.spec.uid
        self._made: list[Path] = []

    def install(self) -> None:
        for kind in KINDS:
            self._copy(EXAMPLES / kind, kind)
        self._copy(HERE / "programs.py", "stand-ins/programs.py")
        self._copy(HERE / "options", "stand-ins/options")
        self._copy(HERE / "modules", "stand-ins/modules")
        self._copy(HERE / "conda.sh", "miniforge3/etc/profile.d/conda.sh")
        for name, folders in PROGRAMS.items():
            for folder in folders:
                self._write(f"{folder}/{name}", PROGRAM.format(name=name))
        for folder in PYTHONS:
            self._write(f"{folder}/python", PYTHON)
        for name in ("vllm", "transformers", "modules"):
            self._write(f"venvs/{name}/bin/activate", ACTIVATE.format(name=name))
        for file in DATA:
            self._write(file, "")
        self._write(".bashrc", ON_PATH)
        self._write(".profile", ON_PATH + (HERE / "module.sh").read_text())
        for path in self._made:
            self._give_away(path)

    def remove(self) -> None:
        for path in self._made:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _write(self, name: str, text: str) -> None:
        path = self._begin(name)
        path.write_text(text)
        path.chmod(0o755)

    def _copy(self, source: Path, name: str) -> None:
        target = self._begin(name)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)

    def _begin(self, name: str) -> Path:
        top = self._root / Path(name).parts[0]
        if top not in self._made:
            self._made.append(top)
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _give_away(self, top: Path) -> None:
        for path in (top, *top.rglob("*")):
            os.chown(path, self._uid, -1)
