"""What a demo cluster is made of: chosen once by `up`, kept in DIR/cluster.json."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Shape = Literal["host", "hosts"]
DEFAULT_DIRECTORIES: dict[Shape, Path] = {
    "host": Path("/run/io-demo"),
    "hosts": Path("/run/io-demo-hosts"),
}
# "<dir>/munge.socket" and slurmd's "<dir>/spool/demo1/demo1_4294967295.4294967291" are unix
# sockets; their paths have at most 107 bytes.
LONGEST_DIRECTORY = 60


class DemoError(Exception):
    """An error as a sentence for the person who ran the command."""


@dataclass(frozen=True)
class Node:
    """A compute node: one slurmd."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class Login:
    """The host with slurmctld and sshd. `gateway` is the gateway's end of the link to it."""

    name: str
    address: str  # where the nodes find slurmctld
    control_port: int
    ssh_address: str
    ssh_port: int
    gateway: str = ""


@dataclass(frozen=True)
class Python:
    """How jobs run the interpreter that ran `up`, and what had to be mounted for that."""

    argv0: str
    environment: dict[str, str]
    mounts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Spec:
    shape: Shape
    directory: Path
    user: str
    uid: int
    login: Login
    nodes: tuple[Node, ...]
    python: Python

    @property
    def tag(self) -> str:
        return tag(self.directory)

    @property
    def home(self) -> Path:
        return self.directory / "home"

    @property
    def slurm_conf(self) -> Path:
        return self.directory / "etc" / "slurm.conf"

    @property
    def host_names(self) -> tuple[str, ...]:
        return (self.login.name, *(node.name for node in self.nodes))


def tag(directory: Path) -> str:
    """Six characters that tell this directory's cluster from another's on the same machine."""
    return hashlib.sha256(str(directory).encode()).hexdigest()[:6]


def save(spec: Spec) -> None:
    content = asdict(spec) | {"directory": str(spec.directory)}
    write_atomically(spec.directory / "cluster.json", json.dumps(content, indent=2))


def load(directory: Path) -> Spec:
    try:
        content: dict[str, Any] = json.loads((directory / "cluster.json").read_text())
    except FileNotFoundError:
        raise DemoError(f"there is no demo cluster in {directory}") from None
    except ValueError as error:
        raise DemoError(f"{directory / 'cluster.json'} is damaged: {error}") from None
    return Spec(
        shape=content["shape"],
        directory=Path(content["directory"]),
        user=content["user"],
        uid=content["uid"],
        login=Login(**content["login"]),
        nodes=tuple(Node(**node) for node in content["nodes"]),
        python=_load_python(content["python"]),
    )


def _load_python(content: dict[str, Any]) -> Python:
    mounts = tuple((source, target) for source, target in content["mounts"])
    return Python(content["argv0"], content["environment"], mounts)


def write_atomically(path: Path, text: str) -> None:
    """A reader, or a process killed while writing, sees the old file or the new one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text)
    fresh.replace(path)
