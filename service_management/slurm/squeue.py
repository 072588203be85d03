"""squeue and sacct: the scripts that list jobs, and their lines → JobView. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.slurm.job_states import bare_state, phase_of
from service_management.slurm.outcomes import Unknown
from service_management.slurm.shell import MISSING, ask_slurm, one_line, quote
from service_management.ssh.connection import Result

# Explicit columns, whose meaning does not change between releases as --json's shape does. The
# name comes last: it is the only one that other programs' jobs may fill with anything.
_COLUMNS = "%i|%T|%B|%S|%e|%r|%j"
_NONE = frozenset({"", "N/A", "n/a", "(null)", "None", "None assigned", "Unknown"})


def queue_script(seconds: float) -> str:
    """Every job of this login's user, in one call."""
    return f"{ask_slurm(seconds)}\n{_squeue()}"


def find_script(name: str, seconds: float) -> str:
    """One job by its name, finished ones included, from whoever still knows it."""
    return f"""{ask_slurm(seconds)}
{_squeue()} --states=all {quote(f"--name={name}")} || exit
if command -v sacct >/dev/null 2>&1; then
    limited sacct --noheader --parsable2 --allocations --user="$(id -un)" \\
        --starttime=now-7days {quote(f"--name={name}")} \\
        --format=JobIDRaw,State,NodeList,Start,End,Reason,JobName 2>/dev/null
fi
true"""


def parse_queue(result: Result) -> list[JobView] | Unknown:
    if result.exit_code != 0:
        return slurm_unknown(result, "squeue")
    if "error:" in result.stderr:
        return Unknown(f"squeue complained: {one_line(result.stderr)}", "slurm")
    return [view for line in result.stdout.splitlines() if (view := parse_line(line))]


def parse_find(result: Result, name: str) -> JobView | Unknown | None:
    """The job still in the queue where there is one, else the newest of that name."""
    views = parse_queue(result)
    if isinstance(views, Unknown):
        return views
    named = [view for view in views if view.name == name]
    alive = [view for view in named if view.phase is not JobPhase.ENDED]
    return max(alive or named, key=_age_order, default=None)


def parse_line(line: str) -> JobView | None:
    fields = line.split("|", 6)
    if len(fields) != 7 or not fields[0]:
        return None
    job_id, state, node, start, end, reason, name = fields
    return JobView(
        job_id=job_id,
        name=name,
        state=bare_state(state),
        phase=phase_of(state),
        reason=_word(reason),
        node=first_node(_word(node)),
        estimated_start=parse_time(start),
        end_time=parse_time(end),
    )


def parse_time(text: str) -> float | None:
    """Slurm's standard format; the scripts set TZ=UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def first_node(nodes: str) -> str:
    """`gpu[07-09,12],login` → `gpu07`: the node a batch script runs on."""
    head, bracket, rest = nodes.partition("[")
    if "," in head or not bracket:
        return head.split(",")[0]
    inside, _, tail = rest.partition("]")
    return head + inside.replace("-", ",").split(",")[0] + tail.split(",")[0]


def slurm_unknown(result: Result, program: str) -> Unknown:
    if result.exit_code == MISSING:
        text = (
            f"{program} is not on the PATH of non-interactive logins: set PATH in ~/.bashrc "
            f"(before its check for interactive shells) or ask the cluster's admin."
        )
        return Unknown(text, "command")
    said = (
        one_line(result.stderr or result.stdout) or f"exit code {result.exit_code}, without a word"
    )
    return Unknown(f"Slurm gave no answer to {program}: {said}", "slurm")


def _squeue() -> str:
    return f"limited squeue --noheader --user=\"$(id -un)\" --format='{_COLUMNS}'"


def _word(text: str) -> str:
    return "" if text in _NONE else text


def _age_order(view: JobView) -> int:
    digits = view.job_id.split("_")[0].split("+")[0]
    return int(digits) if digits.isdigit() else 0
