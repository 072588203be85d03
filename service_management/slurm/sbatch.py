"""sbatch: the script that submits a job, and what its answer means. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from service_management.clean_text import prose
from service_management.slurm.outcomes import (
    Accepted,
    NotSubmitted,
    Rejected,
    SubmitOutcome,
    Unknown,
)
from service_management.slurm.shell import (
    MISSING,
    TIMED_OUT,
    find_slurm,
    quote,
    quote_path,
    whole_seconds,
)
from service_management.ssh.connection import Result

NEVER = 1 << 62  # a deadline
TOO_LATE = 75  # sysexits' EX_TEMPFAIL: the deadline had passed, and nothing was done
SECRET_LENGTH = 6
NO_HOME = 76
HOME_CLOSED = "The account's home directory cannot be entered on the login node."

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Variables that a shell sets itself or protects: dash and bash refuse to export some of them with
# any value, and end the script for it. env(1) passes them on untouched.
_SHELLS_OWN = re.compile(
    r"_|BASH.*|COMP_.*|DIRSTACK|EPOCH.*|E?UID|FUNCNAME|GROUPS|HISTCMD|LINENO|OPT(ARG|ERR|IND)|"
    r"PIPESTATUS|PPID|SECONDS|SHELLOPTS|SHLVL|S?RANDOM"
)
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_JOB_ID = re.compile(r"^(\d+)(?:;(\S+))?$", re.MULTILINE)

# So Slurm says that no node is left for the job.
NO_NODE = re.compile(r"Requested node configuration is not available", re.IGNORECASE)

# sbatch failed before Slurm had decided: the job may be in the queue.
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
    apart_from: tuple[str, ...] = ()  # nodes that it must not run on

    def __post_init__(self) -> None:
        for name in self.env:
            if not _ENV_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not the name of an environment variable")


def submit_command(spec: SubmitSpec) -> str:
    """The command as a person would type it in the home directory there. It is shown to users,
    so the values of the environment are left out: tokens are among them."""
    env = [f"{name}=..." for name in spec.env]
    return " ".join([*(["env", *env] if env else []), "sbatch", _arguments(spec)])


def without_values(text: str, spec: SubmitSpec) -> str:
    """Slurm's words as everybody may read them: sbatch repeats an option that it does not know, and
    a site's submit plugin may repeat anything. Short values are words that others use too."""
    for argument in spec.sbatch_args:
        option, equals, value = argument.partition("=")
        if value:
            text = text.replace(argument, f"{option}{equals}...")
    for value in spec.env.values():
        if len(value) >= SECRET_LENGTH:
            text = text.replace(value, "...")
    return text


def submit_script(spec: SubmitSpec, deadline: float, seconds: float) -> str:
    """Submit, unless the login node's clock is past the deadline: when the network was silent for
    a while, a script may arrive long after its sender gave up on it.

    Any account on the login node can read argument lists (`ps`), so `env` is exported by the
    shell, which has this script from its standard input. Everything else is put into the
    positional parameters first: a PATH, HOME or IFS from `env` is then meant for the job, and
    does not change which sbatch runs.
    """
    own = [name for name in spec.env if _SHELLS_OWN.fullmatch(name)]
    env = "".join(f" {quote(f'{name}={spec.env[name]}')}" for name in own)
    exports = (
        f"export {name}={quote(value)}" for name, value in spec.env.items() if name not in own
    )
    return f"""{find_slurm()}
[ "$(date +%s)" -le {int(deadline)} ] || exit {TOO_LATE}
cd || exit {NO_HOME}
sbatch=$(command -v sbatch) || {{ echo "sbatch: command not found" >&2; exit {MISSING}; }}
set -- "$sbatch" {_arguments(spec)}
{f'set -- "$(command -v env)"{env} "$@"' if own else ""}
limit=$(command -v timeout) && set -- "$limit" -k 5 {whole_seconds(seconds)} "$@"
{chr(10).join(exports)}
exec "$@\""""


def trial_script(spec: SubmitSpec, seconds: float) -> str:
    """The same command, which only says whether and when Slurm would start the job."""
    trial = replace(spec, sbatch_args=("--test-only", *spec.sbatch_args))
    return submit_script(trial, NEVER, seconds)


def parse_trial(result: Result) -> str | Rejected | Unknown:
    """When and where the job would start, in Slurm's words, without an id that no job gets."""
    if result.exit_code == 0:
        return re.sub(r"^Job \d+ to start", "it would start", _said(result))
    outcome = parse_submit(result)
    return outcome if isinstance(outcome, Rejected) else Unknown(_said(result), "slurm")


def parse_submit(result: Result) -> SubmitOutcome:
    said = _said(result)
    found = _JOB_ID.search(result.stdout)
    if result.exit_code == 0:
        return Accepted(found[1]) if found else Unknown(f"sbatch gave no job id: {said}", "slurm")
    if result.exit_code == TOO_LATE:
        text = "The login node was reached too late; nothing was submitted."
        return NotSubmitted(text, "late")
    if result.exit_code in (MISSING, NO_HOME):
        return Rejected(_cannot(result.exit_code))
    killed = result.exit_code == TIMED_OUT or 128 < result.exit_code < 160
    # All of it is searched, not only the part that is short enough to be shown.
    if killed or UNDECIDED.search(result.stderr or result.stdout):
        return Unknown(f"sbatch did not say whether it submitted: {said or 'no answer'}", "slurm")
    return Rejected(said or f"sbatch ended with exit code {result.exit_code}")


def _arguments(spec: SubmitSpec) -> str:
    given = [quote(argument) for argument in (*spec.sbatch_args, *_exclusion(spec))]
    # The last of two equal options counts. It must be our name: the job is found again by it.
    words = ["--parsable", *given, quote(f"--job-name={spec.job_name}")]
    return " ".join([*words, quote_path(spec.bash_file), str(spec.port)])


def _exclusion(spec: SubmitSpec) -> tuple[str, ...]:
    """Beside what the user excludes, since the last of two equal options counts. To the name of a
    file (it has a slash) nothing can be added."""
    nodes = [name for name in spec.apart_from if _NODE.fullmatch(name)]
    own = option(spec.sbatch_args, "exclude", "x")
    if not nodes or "/" in own:
        return ()
    return (f"--exclude={','.join(filter(None, (own, *nodes)))}",)


def option(words: Sequence[str], long: str, short: str) -> str:
    """The last value of an option of sbatch, in any of its spellings; empty without one."""
    value, names = "", (f"--{long}", f"-{short}")
    for word, following in pairwise([*words, ""]):
        if word in names:
            value = following
        elif word.startswith(f"--{long}="):
            value = word.partition("=")[2]
        elif word.startswith(f"-{short}") and not word.startswith("--"):
            value = word[2:]
    return value


def _said(result: Result) -> str:
    """sbatch's message, without the program's name in front of each line."""
    lines = (result.stderr.strip() or result.stdout.strip()).splitlines()
    return prose("\n".join(re.sub(r"^\S*sbatch: (error: )?", "", line) for line in lines))


def _cannot(code: int) -> str:
    if code == NO_HOME:
        return HOME_CLOSED
    return (
        "sbatch is not on the PATH of non-interactive logins: set PATH in ~/.bashrc (before its "
        "check for interactive shells) or ask the cluster's admin."
    )
