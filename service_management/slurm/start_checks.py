"""What can be asked of a cluster about a start before there is one, and about a job that is only
for trying. For `orchestrator check`; the controller needs none of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from service_management.slurm.ask import Answer
from service_management.slurm.client import REPLY_TIME, TIMEOUT
from service_management.slurm.outcomes import Rejected, Unknown
from service_management.slurm.sbatch import SubmitSpec, parse_trial, trial_script
from service_management.slurm.scontrol import shorten_script
from service_management.slurm.script_facts import (
    JobFiles,
    ScriptFacts,
    look_script,
    parse_script,
    parse_write,
    write_script,
)
from service_management.ssh.connection import Connection, Result
from service_management.ssh.errors import SshError

SECONDS = TIMEOUT - REPLY_TIME


class StartChecks:
    """Raises nothing for what SSH or Slurm does, as SlurmClient."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def script(self, bash_file: str) -> ScriptFacts | Unknown:
        mark = secrets.token_hex(8)
        script = look_script(bash_file, mark, SECONDS)
        return self._ask(script, lambda result: parse_script(result, bash_file, mark))

    def unwritable(self, files: JobFiles) -> tuple[str, ...] | Unknown:
        """Where the job could not write, and why."""
        return self._ask(write_script(files, SECONDS), parse_write)

    def trial(self, spec: SubmitSpec) -> str | Rejected | Unknown:
        """Whether and when Slurm would start the job, in its words; nothing is submitted."""
        return self._ask(trial_script(spec, SECONDS), parse_trial)

    def shorten(self, job_id: str, minutes: int) -> bool | Unknown:
        """Have Slurm end the job so many minutes after its start at the latest. False where its
        limit is lower already: only admins may raise it."""
        script = shorten_script(job_id, minutes, SECONDS)
        return self._ask(script, lambda result: result.exit_code == 0)

    def _ask(self, script: str, parse: Callable[[Result], Answer]) -> Answer | Unknown:
        try:
            return parse(self._connection.run(script, TIMEOUT))
        except SshError as error:
            return Unknown(error.text, error.kind)
