"""Whether a start would be accepted: the batch script, the places that its job writes to, and what
Slurm says to the very command of a start."""

from __future__ import annotations

from service_management.cli.check_report import Report
from service_management.config.config_problem import nearest
from service_management.controller.executor import submission
from service_management.controller.job_spec import JobSpec
from service_management.lifecycle.replica import Job
from service_management.slurm.batch_script import leaves_in_background
from service_management.slurm.outcomes import Rejected, Unknown
from service_management.slurm.sbatch import without_values
from service_management.slurm.script_facts import JobFiles, ScriptFacts
from service_management.slurm.start_checks import StartChecks

SCRIPT, FILES, SBATCH = "script", "files", "sbatch"


def check_start(report: Report, asks: StartChecks, spec: JobSpec, job: Job) -> None:
    """`job`: the one that a start would submit now."""
    facts = asks.script(spec.bash_file)
    if isinstance(facts, Unknown):
        report.fail(SCRIPT, facts.message)
        return
    usable = _check_script(report, facts, spec)
    _check_files(report, asks, JobFiles.of(facts, spec.sbatch_args))
    if usable:
        _check_sbatch(report, asks, spec, job)


def _check_script(report: Report, facts: ScriptFacts, spec: JobSpec) -> bool:
    path, before = facts.path, len(report.failed)
    if facts.trouble:
        near = nearest(path.rpartition("/")[2], facts.names)
        hint = f"; beside it is {near}" if near and facts.trouble == "does not exist" else ""
        report.fail(SCRIPT, f"{path} {facts.trouble}{hint}", _ADVICE.get(facts.trouble, ""))
    elif not facts.text.strip():
        report.fail(SCRIPT, f"{path} is empty")
    elif "\0" in facts.text:
        report.fail(SCRIPT, f"{path} is not a script: it contains NUL bytes", _ADVICE["binary"])
    elif facts.crlf_lines:
        report.fail(
            SCRIPT,
            f"{path} has Windows line ends (CRLF), which sbatch refuses",
            f"on the login node: sed -i 's/\\r$//' {path}",
        )
    elif not facts.has_shebang:
        report.fail(
            SCRIPT,
            f"the first line of {path} does not name an interpreter",
            "begin it with #!/bin/bash",
        )
    if len(report.failed) > before:
        return False
    report.ok(SCRIPT, f"{path}: {facts.first_line}")
    if not facts.uses_port(spec.remote_port or None):
        number = f"{spec.remote_port} nor " if spec.remote_port else ""
        report.warn(
            SCRIPT,
            f"it mentions neither {number}$1" if number else "it does not mention $1",
            "the service has to listen on the port that the script gets as its first argument",
        )
    if leaves_in_background(facts.text.splitlines()):
        report.warn(
            SCRIPT,
            "it starts something with & and never waits: is that the server? Its job ends at once",
            "start the server in the foreground, best with exec, or end the script with wait",
        )
    return True


_ADVICE = {
    "does not exist": "correct bash_file; a relative path begins in the home directory there",
    "is a directory": "bash_file is the script itself",
    "cannot be read": "chmod u+r, and a way into its directory, for the account that logs in",
    "binary": "let a script start the program",
}


def _check_files(report: Report, asks: StartChecks, files: JobFiles) -> None:
    wrong = asks.unwritable(files)
    if isinstance(wrong, Unknown):
        report.fail(FILES, wrong.message)
    elif wrong:
        report.fail(
            FILES,
            f"the job could not write: {'; '.join(wrong)}",
            "make the directory writable, or name another one with --output and --chdir in "
            "sbatch_args or in the script",
        )
    else:
        report.ok(FILES, f"the job runs in {files.directory} and writes {files.outputs[0]}")


def _check_sbatch(report: Report, asks: StartChecks, spec: JobSpec, job: Job) -> None:
    wanted = submission(spec, job)
    answer = asks.trial(wanted)
    if isinstance(answer, str):
        report.ok(SBATCH, f"Slurm accepts the job: {answer}")
    elif isinstance(answer, Rejected):
        report.fail(
            SBATCH,
            f"Slurm refuses the job: {without_values(answer.message, wanted)}",
            "correct sbatch_args, or the #SBATCH lines of the script; sinfo there lists the "
            "partitions",
        )
    else:
        report.fail(SBATCH, answer.message)
