"""scontrol, and sacct where scontrol has forgotten a job: how a job ended, what it was submitted
with, and where a node is. Scripts and parsers, pure.

None of these scripts opens a file of the user's: on a file system that hangs they would hang too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from service_management.clean_text import LONGEST_WORD, one_line
from service_management.lifecycle.job_views import JobEnd, JobPhase, JobView
from service_management.slurm.job_states import bare_state, phase_of
from service_management.slurm.outcomes import StillThere, Unknown
from service_management.slurm.shell import MISSING, ask_slurm, quote
from service_management.slurm.squeue import first_node, known, parse_time, slurm_unknown
from service_management.ssh.connection import Result

LOOPBACK = "127.0.0.1"
_FORGOTTEN = re.compile(r"Invalid job id", re.IGNORECASE)
_SACCT_FIELDS = ("State", "ExitCode", "NodeList", "Reason", "WorkDir", "JobName")


def job_script(job_id: str, mark: str, seconds: float) -> str:
    """`mark` heads each section. It is random, so that text from a user cannot imitate it."""
    job = quote(job_id)
    return f"""{ask_slurm(seconds)}
command -v scontrol >/dev/null || exit {MISSING}
info=$(limited scontrol show job {job} 2>&1); code=$?
echo "{mark} scontrol $code"; printf '%s\\n' "$info"
if [ "$code" -ne 0 ] && command -v sacct >/dev/null 2>&1; then
    info=$(limited sacct --noheader --parsable2 --allocations --jobs={job} \\
        --format={",".join(_SACCT_FIELDS)} 2>&1); code=$?
    echo "{mark} sacct $code"; printf '%s\\n' "$info"
fi
true"""


def parse_post_mortem(result: Result, job_id: str, mark: str) -> JobEnd | StillThere | Unknown:
    answer = _scontrol_answer(result, mark)
    if isinstance(answer, Unknown):
        return answer
    if answer is not None:
        return _from_scontrol(job_id, answer)
    return _from_sacct(job_id, *sections(result.stdout, mark).get("sacct", ("", "")))


def parse_output_files(result: Result, mark: str) -> tuple[str, ...] | Unknown:
    """The files for stdout and stderr, which are often the same one; none for a job that scontrol
    has forgotten."""
    answer = _scontrol_answer(result, mark)
    if isinstance(answer, Unknown):
        return answer
    return tuple(dict.fromkeys(filter(None, _output_files(answer or {}))))


def parse_submitted_port(result: Result, mark: str) -> int | Unknown | None:
    """The last word of the job's command line. None where Slurm shows no such word."""
    answer = _scontrol_answer(result, mark)
    if isinstance(answer, Unknown):
        return answer
    _, text = sections(result.stdout, mark).get("scontrol", ("", ""))
    if answer is None:
        return Unknown("Slurm does not remember the job's command line.", "slurm")
    # Of the text itself: in a path, a word that looks like another field would end the field.
    command = re.search(r"^ *Command=.* ([0-9]{1,5})$", text, re.MULTILINE)
    return int(command[1]) if command else None


def shorten_script(job_id: str, minutes: int, seconds: float) -> str:
    job = quote(f"JobId={job_id}")
    return f"{ask_slurm(seconds)}\nlimited scontrol update {job} TimeLimit={minutes}"


def node_script(node: str, seconds: float) -> str:
    return f"""{ask_slurm(seconds)}
for name in "$(hostname 2>/dev/null)" "$(hostname -s 2>/dev/null)" "$(hostname -f 2>/dev/null)"; do
    echo "LoginName=$name"
done
limited scontrol show node {quote(node)}"""


def parse_node(result: Result, node: str) -> str | Unknown:
    """The node's address as seen from the login node. A job on the login node itself is reached
    over loopback, whichever address its service is bound to."""
    if result.exit_code != 0:
        return slurm_unknown(result, "scontrol")
    own = {
        line.removeprefix("LoginName=")
        for line in result.stdout.splitlines()
        if line.startswith("LoginName=")
    }
    fields = scontrol_fields(result.stdout)
    if fields.get("NodeHostName") in own - {""}:
        return LOOPBACK
    return fields.get("NodeAddr") or node


def scontrol_fields(text: str) -> dict[str, str]:
    """`Key=value` pairs. The first of a key counts: fields that a user fills freely come later."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        for pair in re.split(r" (?=[A-Z][A-Za-z:/]*=)", line.strip()):
            key, equals, value = pair.partition("=")
            if equals:
                fields.setdefault(key, value)
    return fields


def sections(text: str, mark: str) -> dict[str, tuple[str, str]]:
    """name → (the rest of its head line, its text)."""
    parts = re.split(rf"^{re.escape(mark)} (\w+) ?(.*)\n", text, flags=re.MULTILINE)
    return {
        name: (rest, body)
        for name, rest, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    }


def _scontrol_answer(result: Result, mark: str) -> Mapping[str, str] | Unknown | None:
    """The job's fields; None if Slurm says that there is no such job (any more)."""
    if result.exit_code != 0:
        return slurm_unknown(result, "scontrol")
    code, text = sections(result.stdout, mark).get("scontrol", ("", ""))
    if code == "0":
        return scontrol_fields(text)
    return None if _FORGOTTEN.search(text) else slurm_unknown(Result(1, "", text), "scontrol")


def _from_scontrol(job_id: str, fields: Mapping[str, str]) -> JobEnd | StillThere | Unknown:
    state = one_line(bare_state(fields.get("JobState", "")), LONGEST_WORD)
    phase = phase_of(state)
    node = first_node(known(fields.get("BatchHost", "") or fields.get("NodeList", "")))
    if phase is JobPhase.UNKNOWN:
        return Unknown(f"scontrol shows job {job_id} as {state or 'nothing'}", "slurm")
    if phase is JobPhase.ENDED:
        return _end(job_id, state, fields, node)
    start, end = parse_time(fields.get("StartTime", "")), parse_time(fields.get("EndTime", ""))
    name, reason = fields.get("JobName", ""), _reason(fields)
    return StillThere(JobView(job_id, name, state, phase, reason, node, start, end))


def _from_sacct(job_id: str, code: str, text: str) -> JobEnd:
    """scontrol has forgotten the job, so it has ended, whatever sacct can or cannot say."""
    fields = _sacct_fields(code, text)
    if not fields:
        return JobEnd(job_id, "UNKNOWN")
    state, node = bare_state(fields["State"]), first_node(known(fields["NodeList"]))
    ended = phase_of(state) is JobPhase.ENDED
    # sacct does not tell the output's file; this is sbatch's default.
    output_file = f"{fields['WorkDir']}/slurm-{job_id}.out"
    return replace(
        _end(job_id, state if ended else "UNKNOWN", fields, node), output_file=output_file
    )


def _sacct_fields(code: str, text: str) -> dict[str, str]:
    fields = dict(zip(_SACCT_FIELDS, text.split("\n", 1)[0].split("|", 5), strict=False))
    return fields if code == "0" and len(fields) == len(_SACCT_FIELDS) else {}


def _output_files(fields: Mapping[str, str]) -> tuple[str, str]:
    out, err = fields.get("StdOut", ""), fields.get("StdErr", "")
    return out, err if err != out else ""


def _end(job_id: str, state: str, fields: Mapping[str, str], node: str) -> JobEnd:
    output_file, error_file = _output_files(fields)
    match = re.fullmatch(r"(\d+):(\d+)", fields.get("ExitCode", ""))
    return JobEnd(
        job_id=job_id,
        state=state,
        exit_code=int(match[1]) if match else None,
        signal=int(match[2]) or None if match else None,
        reason=_reason(fields),
        node=node,
        output_file=output_file,
        error_file=error_file,
    )


def _reason(fields: Mapping[str, str]) -> str:
    return one_line(known(fields.get("Reason", "")), LONGEST_WORD)
