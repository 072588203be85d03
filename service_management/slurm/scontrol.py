"""scontrol, sacct and the output file: what is left of one job. Script and parser, pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.slurm.job_states import bare_state, phase_of
from service_management.slurm.outcomes import StillThere, Unknown
from service_management.slurm.shell import MISSING, ask_slurm, printable, quote
from service_management.slurm.squeue import first_node, parse_time, slurm_unknown
from service_management.ssh.connection import Result

OUTPUT_BYTES = 8192
_FORGOTTEN = re.compile(r"Invalid job id", re.IGNORECASE)
_SACCT_FIELDS = ("State", "ExitCode", "NodeList", "Reason", "WorkDir", "JobName")


def post_mortem_script(job_id: str, mark: str, lines: int, seconds: float) -> str:
    """`mark` heads each section: what a job wrote can say anything, but not guess it."""
    job = quote(job_id)
    return f"""{ask_slurm(seconds)}
command -v scontrol >/dev/null || exit {MISSING}
info=$(limited scontrol show job {job} 2>&1); code=$?
echo "{mark} scontrol $code"; printf '%s\\n' "$info"
out=$(printf '%s\\n' "$info" | sed -n 's/^ *StdOut=//p' | head -n 1)
err=$(printf '%s\\n' "$info" | sed -n 's/^ *StdErr=//p' | head -n 1)
if [ "$code" -ne 0 ] && command -v sacct >/dev/null 2>&1; then
    info=$(limited sacct --noheader --parsable2 --allocations --jobs={job} \\
        --format={",".join(_SACCT_FIELDS)} 2>&1); code=$?
    echo "{mark} sacct $code"; printf '%s\\n' "$info"
    [ "$code" -ne 0 ] || out=$(printf '%s\\n' "$info" | head -n 1 | cut -d '|' -f 5)/slurm-{job}.out
fi
{_tail("out", mark, lines)}
[ "$err" = "$out" ] || {{ {_tail("err", mark, lines)}; }}
true"""


def parse_post_mortem(result: Result, job_id: str, mark: str) -> JobEnd | StillThere | Unknown:
    if result.exit_code != 0:
        return slurm_unknown(result, "scontrol")
    sections = _sections(result.stdout, mark)
    code, text = sections.get("scontrol", ("", ""))
    output = _output(sections)
    if code == "0":
        return _from_scontrol(job_id, scontrol_fields(text), output)
    if not _FORGOTTEN.search(text):
        return slurm_unknown(Result(1, "", text), "scontrol")
    return _from_sacct(job_id, *sections.get("sacct", ("", "")), output)


def parse_output(result: Result, mark: str) -> tuple[str, ...] | Unknown:
    if result.exit_code != 0:
        return slurm_unknown(result, "scontrol")
    sections = _sections(result.stdout, mark)
    code, text = sections.get("scontrol", ("", ""))
    if code != "0" and not _FORGOTTEN.search(text):
        return slurm_unknown(Result(1, "", text), "scontrol")
    return _output(sections)[0]


def scontrol_fields(text: str) -> dict[str, str]:
    """`Key=value` pairs. The first of a key counts: those a user fills freely come later."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        for pair in re.split(r" (?=[A-Z][A-Za-z:/]*=)", line.strip()):
            key, equals, value = pair.partition("=")
            if equals:
                fields.setdefault(key, value)
    return fields


def _from_scontrol(
    job_id: str, fields: Mapping[str, str], output: tuple[tuple[str, ...], str]
) -> JobEnd | StillThere | Unknown:
    state = bare_state(fields.get("JobState", ""))
    phase = phase_of(state)
    node = first_node(_known(fields.get("BatchHost", "") or fields.get("NodeList", "")))
    if phase is JobPhase.UNKNOWN:
        return Unknown(f"scontrol shows job {job_id} as {state or 'nothing'}", "slurm")
    if phase is not JobPhase.ENDED:
        start, end = parse_time(fields.get("StartTime", "")), parse_time(fields.get("EndTime", ""))
        name, reason = fields.get("JobName", ""), _known(fields.get("Reason", ""))
        return StillThere(JobView(job_id, name, state, phase, reason, node, start, end))
    return _end(job_id, state, fields, node, output)


def _from_sacct(
    job_id: str, code: str, text: str, output: tuple[tuple[str, ...], str]
) -> JobEnd | StillThere | Unknown:
    """scontrol has forgotten the job, so it is over, whatever sacct can or cannot say."""
    fields = dict(zip(_SACCT_FIELDS, text.split("\n", 1)[0].split("|", 5), strict=False))
    if code != "0" or len(fields) != len(_SACCT_FIELDS):
        return JobEnd(job_id, "UNKNOWN")
    state, node = bare_state(fields["State"]), first_node(_known(fields["NodeList"]))
    ended = phase_of(state) is JobPhase.ENDED
    return _end(job_id, state if ended else "UNKNOWN", fields, node, output)


def _end(
    job_id: str,
    state: str,
    fields: Mapping[str, str],
    node: str,
    output: tuple[tuple[str, ...], str],
) -> JobEnd:
    match = re.fullmatch(r"(\d+):(\d+)", fields.get("ExitCode", ""))
    return JobEnd(
        job_id=job_id,
        state=state,
        exit_code=int(match[1]) if match else None,
        signal=int(match[2]) or None if match else None,
        reason=_known(fields.get("Reason", "")),
        node=node,
        output=output[0],
        output_file=output[1],
    )


def _tail(variable: str, mark: str, lines: int) -> str:
    """A file that is missing (another file system, deleted) is no error: there is no output."""
    return (
        f'[ ! -f "${variable}" ] || {{ echo "{mark} {variable} ${variable}"; '
        f'tail -c {OUTPUT_BYTES} "${variable}" | tail -n {lines}; echo; }}'
    )


def _sections(text: str, mark: str) -> dict[str, tuple[str, str]]:
    """name → (the rest of its head line, its text)."""
    parts = re.split(rf"^{re.escape(mark)} (\w+) ?(.*)\n", text, flags=re.MULTILINE)
    return {
        name: (rest, body)
        for name, rest, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def _output(sections: Mapping[str, tuple[str, str]]) -> tuple[tuple[str, ...], str]:
    """The lines of stdout, then those of stderr where that is a file of its own."""
    bodies = [sections[name] for name in ("out", "err") if name in sections]
    lines = [printable(line) for _, body in bodies for line in body.rstrip().split("\n")]
    return tuple(line for line in lines if line), bodies[0][0] if bodies else ""


def _known(text: str) -> str:
    return "" if text in ("None", "(null)", "n/a", "N/A", "None assigned", "Unknown") else text
