"""A login that needs no SSH, with a Slurm that answers what the test has set."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from service_management.lifecycle.findings import Listening
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.slurm import outcomes
from service_management.slurm.output_file import OutputPart
from service_management.slurm.sbatch import SubmitSpec
from service_management.slurm.srun import Listeners
from service_management.ssh.connection import Forward, Result
from service_management.ssh.errors import SshError
from service_management.ssh.login import Login

UNKNOWN = outcomes.Unknown("Socket timed out", "command")


@dataclass
class FakeSlurm:
    """The fake of `SlurmCalls`. Unknown is the answer to everything that was not set."""

    submitted: outcomes.SubmitOutcome = UNKNOWN
    views: list[JobView] | outcomes.Unknown = UNKNOWN
    found: dict[str, JobView | None] | outcomes.Unknown = UNKNOWN
    cancelled: bool | outcomes.Unknown = UNKNOWN
    end: JobEnd | outcomes.StillThere | outcomes.Unknown = UNKNOWN
    lines: tuple[str, ...] = ()
    written: dict[str, str] = field(default_factory=dict)  # by job
    port: int | outcomes.Unknown | None = UNKNOWN
    owners: Listeners | outcomes.Unknown = UNKNOWN
    listening: tuple[Listening, ...] | outcomes.Unknown = UNKNOWN
    calls: list[tuple[object, ...]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)  # calls wait for it

    def __post_init__(self) -> None:
        self.go.set()

    def submit(self, spec: SubmitSpec, waited: float = 0.0) -> outcomes.SubmitOutcome:
        self._call("submit", spec.job_name, waited)
        return self.submitted

    def queue(self) -> list[JobView] | outcomes.Unknown:
        self._call("queue")
        return self.views

    def find(self, names: Sequence[str]) -> dict[str, JobView | None] | outcomes.Unknown:
        self._call("find", *names)
        return self.found

    def cancel(self, job_ids: Sequence[str]) -> bool | outcomes.Unknown:
        self._call("cancel", *job_ids)
        return self.cancelled

    def post_mortem(self, job_id: str) -> JobEnd | outcomes.StillThere | outcomes.Unknown:
        self._call("post_mortem", job_id)
        return self.end

    def with_output(self, end: JobEnd, bash_file: str) -> JobEnd:
        return replace(end, output=self.lines)

    def output(self, job_id: str, lines: int) -> OutputPart | outcomes.Unknown:
        self._call("output", job_id, lines)
        return OutputPart("".join(f"{line}\n" for line in self.lines), (0,))

    def output_after(self, job_id: str, begins: Sequence[int]) -> OutputPart | outcomes.Unknown:
        self._call("output_after", job_id, *begins)
        text, begin = self.written.get(job_id, ""), [*begins, 0][0]
        return OutputPart(text[begin:], (len(text),))

    def node_address(self, node: str) -> str | outcomes.Unknown:
        self._call("node_address", node)
        return UNKNOWN

    def submitted_port(self, job_id: str) -> int | outcomes.Unknown | None:
        self._call("submitted_port", job_id)
        return self.port

    def listeners(self, job_id: str, node: str, port: int) -> Listeners | outcomes.Unknown:
        self._call("listeners", job_id, node, port)
        return self.owners

    def job_sockets(
        self, job_id: str, node: str, port: int
    ) -> tuple[Listening, ...] | outcomes.Unknown:
        self._call("job_sockets", job_id, node, port)
        return self.listening

    def _call(self, *call: object) -> None:
        self.calls.append(call)
        self.go.wait(10)


@dataclass
class UnusedConnection:
    login: Login

    def run(self, script: str, timeout: float) -> Result:
        raise AssertionError(script)

    def open_tunnels(self, forwards: Sequence[Forward]) -> dict[Path, SshError]:
        raise AssertionError(forwards)

    def open_tunnel(self, socket: Path, host: str, port: int) -> None:
        raise AssertionError(socket)

    def close_tunnel(self, socket: Path) -> None: ...

    def tunnel_alive(self, socket: Path) -> bool:
        return False

    def close(self) -> None: ...


@dataclass
class UnusedBackend:
    def connection(self, login: Login, number: int = 0) -> UnusedConnection:
        return UnusedConnection(login)

    def close_logins_except(self, login_ids: Collection[str]) -> None: ...

    def close_all(self) -> None: ...
