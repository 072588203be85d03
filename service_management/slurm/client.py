"""Slurm over one connection: every question has an answer, and "unknown" is one of them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from service_management.lifecycle.job_views import JobEnd, JobView
from service_management.slurm.node_address import node_script, parse_node
from service_management.slurm.outcomes import (
    NotSubmitted,
    StillThere,
    SubmitOutcome,
    Submitted,
    Unknown,
)
from service_management.slurm.sbatch import SubmitSpec, parse_submit, submit_script
from service_management.slurm.scancel import cancel_script, parse_cancel
from service_management.slurm.scontrol import (
    parse_output,
    parse_post_mortem,
    post_mortem_script,
)
from service_management.slurm.squeue import find_script, parse_find, parse_queue, queue_script
from service_management.ssh.call_counts import CallCounts
from service_management.ssh.connection import Connection, Result
from service_management.ssh.errors import SshError

Answer = TypeVar("Answer")

TIMEOUT = 25.0  # for one call; Slurm's own MessageTimeout is 10 s by default
REPLY_TIME = 3.0  # of that, kept back so that a remote time limit can still be reported
POST_MORTEM_LINES = 30
NODE_MEMORY = 300.0  # seconds a node's address is believed


class SlurmClient:
    """May be called from any thread. Never raises for what SSH or Slurm does."""

    def __init__(
        self, connection: Connection, counts: CallCounts | None = None, timeout: float = TIMEOUT
    ) -> None:
        self._connection = connection
        self._counts = counts or CallCounts()
        self._timeout = timeout
        self._remote_limit = max(timeout - REPLY_TIME, timeout / 2)
        self._lock = threading.Lock()
        self._clock_offset: float | None = None
        self._nodes: dict[str, tuple[float, str]] = {}

    def submit(self, spec: SubmitSpec, waited: float = 0.0) -> SubmitOutcome:
        """NotSubmitted only where that is certain; any doubt is Unknown, to be settled by find.

        The deadline includes the seconds that the job has `waited` for a thread or the connection:
        it takes effect soon after the decision, or not at all.
        """
        wanted_at = time.monotonic() - max(waited, 0.0)
        offset = self._remote_clock()
        if isinstance(offset, Unknown):
            return NotSubmitted(offset.message, offset.kind)
        deadline = wanted_at + offset + self._timeout
        outcome = self._submit(submit_script(spec, deadline, self._remote_limit))
        if isinstance(outcome, NotSubmitted):
            self._forget_clock()  # late, perhaps, because a clock was set
        self._count("submit", failed=not isinstance(outcome, Submitted))
        return outcome

    def queue(self) -> list[JobView] | Unknown:
        return self._ask("queue", queue_script(self._remote_limit), parse_queue)

    def find(self, job_name: str) -> JobView | Unknown | None:
        """Whether a job of this name was ever submitted; None where Slurm knows none."""
        script = find_script(job_name, self._remote_limit)
        return self._ask("find", script, lambda result: parse_find(result, job_name))

    def cancel(self, job_ids: Sequence[str]) -> bool | Unknown:
        if not job_ids:
            return True
        return self._ask("cancel", cancel_script(job_ids, self._remote_limit), parse_cancel)

    def post_mortem(self, job_id: str) -> JobEnd | StillThere | Unknown:
        mark = secrets.token_hex(8)
        script = post_mortem_script(job_id, mark, POST_MORTEM_LINES, self._remote_limit)
        return self._ask(
            "post_mortem", script, lambda result: parse_post_mortem(result, job_id, mark)
        )

    def output(self, job_id: str, lines: int) -> tuple[str, ...] | Unknown:
        """The last lines the job wrote so far."""
        mark = secrets.token_hex(8)
        script = post_mortem_script(job_id, mark, lines, self._remote_limit)
        return self._ask("output", script, lambda result: parse_output(result, mark))

    def node_address(self, node: str) -> str | Unknown:
        """What to lead a tunnel to, seen from the login node."""
        believed_until, address = self._nodes.get(node, (0.0, ""))
        if time.monotonic() < believed_until:
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
            unheard = Unknown if error.maybe_ran else NotSubmitted
            return unheard(error.text, error.kind)

    def _remote_clock(self) -> float | Unknown:
        """How far the login node's clock is ahead of our monotonic one, which nobody sets. What
        the answer took on its way makes it too small: a deadline then errs to the safe side."""
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
            self._forget_clock()  # the next connection may be to another machine of that name
            raise

    def _count(self, command: str, *, failed: bool) -> None:
        self._counts.add(str(self._connection.login), command, failed=failed)


def _parse_clock(result: Result) -> float | Unknown:
    text = result.stdout.strip()
    if result.exit_code != 0 or not text.isdigit():
        return Unknown("The login node does not tell the time (date +%s).", "command")
    return float(text)
