"""sbatch: the script that submits a job, and what its answer means. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from service_management.slurm.outcomes import (
    NotSubmitted,
    Rejected,
    SubmitOutcome,
    Submitted,
    Unknown,
)
from service_management.slurm.shell import (
    MISSING,
    TIMED_OUT,
    one_line,
    preamble,
    quote,
    quote_path,
)
from service_management.ssh.connection import Result

TOO_LATE = 75  # sysexits' EX_TEMPFAIL: the script came too late and did nothing
NO_HOME = 76

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_JOB_ID = re.compile(r"^(\d+)(?:;(\S+))?$", re.MULTILINE)

# sbatch failed without Slurm having decided: the job may be in the queue.
UNDECIDED = re.compile(
    r"Socket timed out|Unable to contact slurm controller|Zero Bytes were transmitted|"
    r"communications? (connection )?(failure|error|timeout)|Connection (refused|reset|timed out)|"
    r"Unexpected message received|in standby mode|Protocol authentication error|"
    r"Transport endpoint is not connected|temporarily un(able|available)|"
    r"Message (send|receive) (failure|timeout)|Insane message length",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SubmitSpec:
    """One job to submit."""

    job_name: str
    bash_file: str
    port: int
    sbatch_args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.env:
            if not _ENV_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of an environment variable")


def submit_command(spec: SubmitSpec) -> str:
    """The command line, as a person would type it in the home directory there. Shown to
    whoever asks, so without the environment's values: tokens are among them."""
    env = [f"{name}=..." for name in spec.env]
    return " ".join([*(["env", *env] if env else []), "sbatch", _arguments(spec)])


def submit_script(spec: SubmitSpec, deadline: float, seconds: float) -> str:
    """Submit, unless the login node's clock is past the deadline: after a silence of the
    network a script may arrive long after its sender has given up on it."""
    env = " ".join(quote(f"{name}={value}") for name, value in spec.env.items())
    return f"""{preamble(seconds)}
[ "$(date +%s)" -le {int(deadline)} ] || exit {TOO_LATE}
cd || exit {NO_HOME}
sbatch=$(command -v sbatch) || {{ echo "sbatch: command not found" >&2; exit {MISSING}; }}
limited env {env} "$sbatch" {_arguments(spec)}"""


def parse_submit(result: Result) -> SubmitOutcome:
    said = _said(result)
    found = _JOB_ID.search(result.stdout)
    if result.exit_code == 0:
        return Submitted(found[1]) if found else Unknown(f"sbatch gave no job id: {said}", "slurm")
    if result.exit_code == TOO_LATE:
        return NotSubmitted("The login node was reached too late; nothing was submitted.", "late")
    if result.exit_code in (MISSING, NO_HOME):
        return Rejected(_cannot(result.exit_code))
    killed = result.exit_code == TIMED_OUT or 128 < result.exit_code < 160
    if killed or UNDECIDED.search(said):
        return Unknown(f"sbatch did not say whether it submitted: {said or 'no answer'}", "slurm")
    return Rejected(said or f"sbatch ended with {result.exit_code}")


def _arguments(spec: SubmitSpec) -> str:
    given = [quote(argument) for argument in spec.sbatch_args]
    # The last of two equal options wins: the name must, for the job is found again by it.
    words = ["--parsable", *given, quote(f"--job-name={spec.job_name}")]
    return " ".join([*words, quote_path(spec.bash_file), str(spec.port)])


def _said(result: Result) -> str:
    """sbatch's own words, without its name before each of them."""
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return "; ".join(one_line(re.sub(r"^\S*sbatch: (error: )?", "", line)) for line in lines)


def _cannot(code: int) -> str:
    if code == NO_HOME:
        return "The account's home directory cannot be entered on the login node."
    return (
        "sbatch is not on the PATH of non-interactive logins: set PATH in ~/.bashrc (before its "
        "check for interactive shells) or ask the cluster's admin."
    )
