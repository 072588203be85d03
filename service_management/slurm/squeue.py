"""squeue and sacct: the scripts that list jobs, and the parsers of their lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from service_management.clean_text import LONGEST_WORD, one_line, prose
from service_management.lifecycle.job_views import JobPhase, JobView
from service_management.slurm.job_states import bare_state, phase_of
from service_management.slurm.outcomes import Unknown
from service_management.slurm.shell import MISSING, ask_slurm, quote
from service_management.ssh.connection import Result

# Explicit columns, because the shape of --json changes between releases. The name comes last: it
# is the only column that other programs' jobs may fill with anything, the separator included.
_COLUMNS = "%i|%T|%B|%S|%e|%r|%j"
_NONE = frozenset({"", "N/A", "n/a", "(null)", "None", "None assigned", "Unknown"})

_DRAINED = "drained|"  # begins a line with a node

Found = dict[str, JobView | None]  # by name; None: Slurm has no job of that name


def queue_script(seconds: float, *, with_nodes: bool = False) -> str:
    """All jobs of the login's user, in one call. `with_nodes`: and which nodes of those that run
    are being drained, which no column of squeue shows."""
    if not with_nodes:
        return f"{ask_slurm(seconds)}\n{_squeue()}"
    return f"""{ask_slurm(seconds / 2)}
jobs=$({_squeue()}) || exit
printf '%s\\n' "$jobs"
nodes=$(printf '%s\\n' "$jobs" | while IFS='|' read -r _ state node _; do
    [ "$state" != RUNNING ] || printf '%s,' "$node"
done)
[ -z "$nodes" ] || limited sinfo --noheader --Node --nodes="${{nodes%,}}" --states=drain \\
    --format='{_DRAINED}%N' 2>/dev/null && echo '{_DRAINED}'
true"""


def find_script(names: Sequence[str], seconds: float) -> str:
    """Jobs by name, finished ones included: from squeue, and from sacct where it answers."""
    wanted = quote(f"--name={','.join(names)}")
    return f"""{ask_slurm(seconds)}
{_squeue()} --states=all {wanted} || exit
if command -v sacct >/dev/null 2>&1; then
    limited sacct --noheader --parsable2 --allocations --user="$(id -un)" \\
        --starttime=now-7days {wanted} \\
        --format=JobIDRaw,State,NodeList,Start,End,Reason,JobName 2>/dev/null
fi
true"""


def parse_queue(result: Result) -> list[JobView] | Unknown:
    if result.exit_code != 0:
        return slurm_unknown(result, "squeue")
    if "error:" in result.stderr:
        return Unknown(f"squeue reported an error: {prose(result.stderr)}", "slurm")
    lines = result.stdout.splitlines()
    return _with_nodes([view for line in lines if (view := parse_line(line))], lines)


def _with_nodes(views: list[JobView], lines: Sequence[str]) -> list[JobView]:
    """As they are, where the last line is missing: sinfo was not asked, or did not answer."""
    nodes = {line.removeprefix(_DRAINED) for line in lines if line.startswith(_DRAINED)}
    if not nodes:
        return views
    # The last line names no node, as a job that waits does.
    return [replace(view, draining=bool(view.node) and view.node in nodes) for view in views]


def parse_find(result: Result, names: Iterable[str]) -> Found | Unknown:
    """For each name the job that is still in the queue, or else the newest one."""
    views = parse_queue(result)
    if isinstance(views, Unknown):
        return views
    return {name: _latest([view for view in views if view.name == name]) for name in names}


def parse_line(line: str) -> JobView | None:
    fields = line.split("|", 6)
    if len(fields) != 7 or not fields[0]:
        return None
    job_id, state, node, start, end, reason, name = fields
    return JobView(
        job_id=job_id,
        name=name,
        state=one_line(bare_state(state), LONGEST_WORD),
        phase=phase_of(state),
        reason=one_line(known(reason), LONGEST_WORD),
        node=first_node(known(node)),
        estimated_start=parse_time(start),
        end_time=parse_time(end),
    )


def parse_time(text: str) -> float | None:
    """Slurm's standard format. The scripts set TZ=UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def known(text: str) -> str:
    """Slurm has many words for no value."""
    return "" if text in _NONE else text


def first_node(nodes: str) -> str:
    """`gpu[07-09,12],login` → `gpu07`: the node on which the batch script runs."""
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
    said = prose(result.stderr or result.stdout)
    said = said or f"exit code {result.exit_code} and no message"
    return Unknown(f"Slurm did not answer {program}: {said}", "slurm")


def _squeue() -> str:
    return f"limited squeue --noheader --user=\"$(id -un)\" --format='{_COLUMNS}'"


def _latest(views: Sequence[JobView]) -> JobView | None:
    alive = [view for view in views if view.phase is not JobPhase.ENDED]
    return max(alive or views, key=_age_order, default=None)


def _age_order(view: JobView) -> int:
    digits = view.job_id.split("_")[0].split("+")[0]
    return int(digits) if digits.isdigit() else 0
