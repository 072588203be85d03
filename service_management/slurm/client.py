"""Slurm over one SSH connection. Every request has an outcome, and "unknown" is one of them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from service_management.lifecycle.findings import Listening
from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.slurm.ask import Answer
from service_management.slurm.batch_script import leaves_in_background
from service_management.slurm.outcomes import (
    Accepted,
    NotSubmitted,
    StillThere,
    SubmitOutcome,
    Unknown,
)
from service_management.slurm.output_file import OutputPart, OutputReader
from service_management.slurm.sbatch import SubmitSpec, parse_submit, submit_script
from service_management.slurm.scancel import cancel_script, parse_cancel
from service_management.slurm.scontrol import (
    job_script,
    node_script,
    parse_node,
    parse_output_files,
    parse_post_mortem,
    parse_submitted_port,
)
from service_management.slurm.squeue import (
    Found,
    find_script,
    parse_find,
    parse_queue,
    queue_script,
)
from service_management.slurm.srun import (
    STEP_SECONDS,
    Listeners,
    PortOwners,
    parse_sockets,
    sockets_script,
)
from service_management.slurm.turns import Turns
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import Connection, Result
from service_management.ssh.errors import SshError

TIMEOUT = 25.0  # for one call; Slurm's own MessageTimeout is 10 s by default
REPLY_TIME = 3.0  # kept back of it, so that a time limit that was hit there can still be reported
SQUEUE_INTERVAL = 1.0  # seconds between two calls of squeue at least
SINFO_INTERVAL = 30.0  # and of those that ask for drained nodes too
END_LINES = 30  # of the output of a job that has ended
SCRIPT_LINES = 400  # of a batch script
NODE_MEMORY = 300.0  # seconds for which a node's address is kept
FILES_MEMORY = 60.0  # and the names of the files that a job writes to


class SlurmClient:
    """May be called from any thread. Raises nothing for what SSH or Slurm does."""

    def __init__(
        self,
        connection: Connection,
        counts: CallCounts | None = None,
        timeout: float = TIMEOUT,
        squeue_interval: float = SQUEUE_INTERVAL,
    ) -> None:
        self._connection = connection
        self._counts = counts or CallCounts()
        self._timeout = timeout
        self._remote_limit = max(timeout - REPLY_TIME, timeout / 2)
        self._squeue_turns = Turns(squeue_interval)
        self._lock = threading.Lock()
        self._clock_offset: float | None = None
        self._sinfo_at = 0.0  # not before: by the monotonic clock
        self._nodes: dict[str, tuple[float, str]] = {}
        self._files: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._output = OutputReader(self._ask)
        self._port_owners = PortOwners(self._ask)

    def submit(self, spec: SubmitSpec, waited: float = 0.0) -> SubmitOutcome:
        """NotSubmitted only where that is certain. Any doubt is Unknown, to be settled by `find`.

        The deadline includes the seconds that the job has `waited` for a thread or the connection:
        it is submitted soon after the decision, or not at all.
        """
        wanted_at = time.monotonic() - max(waited, 0.0)
        offset = self._remote_clock()
        if isinstance(offset, Unknown):
            return NotSubmitted(offset.message, offset.kind)
        deadline = wanted_at + offset + self._timeout
        outcome = self._submit(submit_script(spec, deadline, self._remote_limit))
        if isinstance(outcome, NotSubmitted):
            self._forget_clock()  # it may have been late because a clock was set
        self._count("submit", failed=not isinstance(outcome, Accepted))
        return outcome

    def queue(self) -> list[JobView] | Unknown:
        self._squeue_turns.wait()
        now = time.monotonic()
        with_nodes = now >= self._sinfo_at
        if with_nodes:
            self._sinfo_at = now + SINFO_INTERVAL
        script = queue_script(self._remote_limit, with_nodes=with_nodes)
        return self._ask("queue", script, parse_queue)

    def find(self, names: Sequence[str]) -> Found | Unknown:
        """Whether jobs of these names were ever submitted; None for a name that Slurm does not
        know. One call, however many names."""
        if not names:
            return {}
        self._squeue_turns.wait()
        script = find_script(names, self._remote_limit)
        return self._ask("find", script, lambda result: parse_find(result, names))

    def cancel(self, job_ids: Sequence[str]) -> bool | Unknown:
        """One call, however many jobs."""
        if not job_ids:
            return True
        return self._ask("cancel", cancel_script(job_ids, self._remote_limit), parse_cancel)

    def submitted_port(self, job_id: str) -> int | Unknown | None:
        """The port that the job was submitted with; None where Slurm does not show it."""
        mark = secrets.token_hex(8)
        script = job_script(job_id, mark, self._remote_limit)
        return self._ask("port", script, lambda result: parse_submitted_port(result, mark))

    def listeners(self, job_id: str, node: str, port: int) -> Listeners | Unknown:
        """Which users listen on the port of the job's node. Unknown where the site has no srun
        that can tell."""
        return self._port_owners.ask(job_id, node, port)

    def job_sockets(self, job_id: str, node: str, port: int) -> tuple[Listening, ...] | Unknown:
        """On which addresses and ports the job listens. Unknown as above. A step is started on the
        cluster each time: to be asked rarely."""
        script = sockets_script(job_id, node, STEP_SECONDS)
        return self._ask("sockets", script, lambda result: parse_sockets(result, port))

    def post_mortem(self, job_id: str) -> JobEnd | StillThere | Unknown:
        """How the job ended, by Slurm's word alone: see `with_output` for what it wrote."""
        mark = secrets.token_hex(8)
        script = job_script(job_id, mark, self._remote_limit)
        return self._ask(
            "post_mortem", script, lambda result: parse_post_mortem(result, job_id, mark)
        )

    def with_output(self, end: JobEnd, bash_file: str) -> JobEnd:
        """With the last lines that the job wrote, if they can be read in time; and where it ended
        although nothing failed, with what its batch script tells of the reason."""
        files = [file for file in (end.output_file, end.error_file) if file]
        tail = self._output.read(files, END_LINES)
        if not isinstance(tail, Unknown):
            end = replace(end, output=tail.lines)
        return replace(end, backgrounded=self._backgrounded(bash_file)) if end.in_order else end

    def _backgrounded(self, bash_file: str) -> bool:
        # The shell at the login node begins in the home directory.
        script = self._output.read([bash_file.removeprefix("~/")], SCRIPT_LINES)
        return not isinstance(script, Unknown) and leaves_in_background(script.lines)

    def output(self, job_id: str, lines: int) -> OutputPart | Unknown:
        """The last lines that the job has written so far."""
        files = self._output_files(job_id)
        if isinstance(files, Unknown):
            return files
        tail = self._output.read(files, lines)
        return tail if isinstance(tail, Unknown) else tail.last_lines(len(files))

    def output_after(self, job_id: str, begins: Sequence[int]) -> OutputPart | Unknown:
        """What the job has written after these offsets in its files, or the first part of it."""
        files = self._output_files(job_id)
        if isinstance(files, Unknown):
            return files
        offsets = [*begins, *(0 for _ in files)][: len(files)]
        tail = self._output.read(files, 0, offsets)
        return tail if isinstance(tail, Unknown) else tail.after(offsets)

    def _output_files(self, job_id: str) -> tuple[str, ...] | Unknown:
        """Kept for a minute, so that Slurm is not asked every second while a job is followed."""
        now = time.monotonic()
        kept_until, files = self._files.get(job_id, (0.0, ()))
        if now < kept_until:
            return files
        mark = secrets.token_hex(8)
        script = job_script(job_id, mark, self._remote_limit)
        found = self._ask("output", script, lambda result: parse_output_files(result, mark))
        if isinstance(found, tuple) and found:
            valid = {job: kept for job, kept in self._files.items() if now < kept[0]}
            self._files = {**valid, job_id: (now + FILES_MEMORY, found)}
        return found

    def node_address(self, node: str) -> str | Unknown:
        """The host that tunnels lead to, as seen from the login node."""
        kept_until, address = self._nodes.get(node, (0.0, ""))
        if time.monotonic() < kept_until:
            return address
        script = node_script(node, self._remote_limit)
        answer = self._ask("node", script, lambda result: parse_node(result, node))
        if isinstance(answer, str):
            self._nodes[node] = (time.monotonic() + NODE_MEMORY, answer)
        return answer

    def _submit(self, script: str) -> SubmitOutcome:
        try:
            return parse_submit(self._run(script))
        except SshError as error:
            unanswered = Unknown if error.maybe_ran else NotSubmitted
            return unanswered(error.text, error.kind)

    def _remote_clock(self) -> float | Unknown:
        """How far the login node's clock is ahead of the monotonic clock here. The time that the
        answer takes makes it too small, so a deadline errs on the safe side."""
        with self._lock:
            if self._clock_offset is not None:
                return self._clock_offset
        answer = self._ask("clock", "date +%s", _parse_clock)
        if isinstance(answer, Unknown):
            return answer
        with self._lock:
            self._clock_offset = answer - time.monotonic()
            return self._clock_offset

    def _forget_clock(self) -> None:
        with self._lock:
            self._clock_offset = None

    def _ask(
        self, command: str, script: str, parse: Callable[[Result], Answer]
    ) -> Answer | Unknown:
        answer = self._answer(script, parse)
        self._count(command, failed=isinstance(answer, Unknown))
        return answer

    def _answer(self, script: str, parse: Callable[[Result], Answer]) -> Answer | Unknown:
        try:
            return parse(self._run(script))
        except SshError as error:
            return Unknown(error.text, error.kind)

    def _run(self, script: str) -> Result:
        try:
            return self._connection.run(script, self._timeout)
        except SshError:
            self._forget_clock()  # the name may lead to another machine next time
            raise

    def _count(self, command: str, *, failed: bool) -> None:
        self._counts.add(str(self._connection.login), command, failed=failed)


def _parse_clock(result: Result) -> float | Unknown:
    text = result.stdout.strip()
    if result.exit_code != 0 or not text.isdigit():
        return Unknown("The login node did not tell the time (date +%s).", "command")
    return float(text)
