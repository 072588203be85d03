"""sbatch's script under a real /bin/sh, and sbatch's answers."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service_management.slurm.outcomes import Accepted, NotSubmitted, Rejected, Unknown
from service_management.slurm.sbatch import (
    SubmitSpec,
    parse_submit,
    submit_command,
    submit_script,
)
from service_management.ssh.connection import Result
from service_management.ssh.script_envelope import Envelope

RECORDER = """#!/bin/sh
printf '%s\\0' "$@" > "{home}/argv"
{env} -0 > "{home}/env"
for pid in $$ $PPID; do {cat} /proc/$pid/cmdline; done > "{home}/commands"
echo '7;cluster'
"""
HOSTILE = '\'; touch pwned; "$(touch pwned)`touch pwned`"\n\\ $HOME * ~ {a,b} ü \x81 !! #'

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
names = st.from_regex(r"\AV_[A-Za-z0-9_]{0,8}\Z")
SHELLS = [["/bin/sh", "-s"], ["bash", "--posix", "-s"]]  # what /bin/sh is on Debian, on RHEL


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        sbatch = Path(directory) / "bin" / "sbatch"
        sbatch.parent.mkdir()
        programs = {name: shutil.which(name) for name in ("env", "cat")}
        sbatch.write_text(RECORDER.format(home=directory, **programs))
        sbatch.chmod(0o755)
        yield Path(directory)


def execute(home: Path, script: str, shell: Sequence[str] = SHELLS[0]) -> Result:
    envelope = Envelope.around(script)
    done = subprocess.run(
        shell,
        input=envelope.text().encode(),
        capture_output=True,
        env={"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"},
        cwd="/",
        check=True,
        timeout=20,
    )
    result = envelope.open(done.stdout.decode(errors="replace"), done.stderr.decode())
    assert result is not None
    return result


@settings(max_examples=25, deadline=None)
@given(bash_file=text, arguments=st.lists(text, max_size=3), env=st.dictionaries(names, text))
@example(HOSTILE, [HOSTILE, "--x=" + HOSTILE], {"V_1": HOSTILE})
@example("~/" + HOSTILE, [], {})
@example("--wrap=touch pwned", [], {})
def test_sbatch_receives_every_value_as_it_is(
    home: Path, bash_file: str, arguments: list[str], env: dict[str, str]
) -> None:
    spec = SubmitSpec("orc.r.0.1.n", bash_file, 8000, tuple(arguments), env)
    result = execute(home, submit_script(spec, time.time() + 60, 10))
    assert parse_submit(result) == Accepted("7")
    expected = bash_file
    if bash_file.startswith("~/"):
        expected = str(home) + bash_file[1:]
    elif bash_file.startswith("-"):
        expected = f"./{bash_file}"
    argv = (home / "argv").read_bytes().decode().split("\0")[:-1]
    assert argv == ["--parsable", *arguments, "--job-name=orc.r.0.1.n", expected, "8000"]
    seen = environment(home)
    assert {name: seen[name] for name in env} == env
    assert sorted(path.name for path in home.iterdir()) == ["argv", "bin", "commands", "env"]


def environment(home: Path) -> dict[str, str]:
    entries = (home / "env").read_bytes().decode().split("\0")[:-1]
    return dict(entry.split("=", 1) for entry in entries)


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_names_with_a_meaning_for_a_shell_reach_the_job(home: Path, shell: list[str]) -> None:
    """And PATH, HOME and IFS change neither which sbatch runs nor what it is given."""
    env = dict.fromkeys(("EUID", "UID", "SHELLOPTS", "RANDOM", "SECONDS"), "not-a-number")
    env |= {"PATH": "/nowhere", "HOME": "/nowhere", "sbatch": "x", "limit": "y"}
    spec = SubmitSpec("orc.r.0.1.n", "~/run.sh", 8000, env={**env, "IFS": "e"})
    result = execute(home, submit_script(spec, time.time() + 60, 10), shell)
    assert parse_submit(result) == Accepted("7")
    seen = environment(home)
    assert {name: seen[name] for name in env} == env
    assert f"{home}/run.sh" in (home / "argv").read_bytes().decode().split("\0")


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_values_of_env_are_in_no_argument_list(home: Path, shell: list[str]) -> None:
    """Any account on the login node can read them with `ps`."""
    spec = SubmitSpec("orc.r.0.1.n", "run.sh", 8000, env={"API_TOKEN": "hunter2"})
    execute(home, submit_script(spec, time.time() + 60, 10), shell)
    assert environment(home)["API_TOKEN"] == "hunter2"
    assert b"hunter2" not in (home / "commands").read_bytes()
    assert b"sbatch" in (home / "commands").read_bytes()


def test_after_the_deadline_sbatch_is_not_called(home: Path) -> None:
    (home / "argv").unlink(missing_ok=True)
    spec = SubmitSpec("n", "run.sh", 1)
    result = execute(home, submit_script(spec, time.time() - 5, 10))
    assert isinstance(parse_submit(result), NotSubmitted)
    assert not (home / "argv").exists()


def test_the_unique_name_wins_over_one_in_sbatch_args() -> None:
    args = ("-J", "mine", "--comment=who's")
    spec = SubmitSpec("orc.r.0.1.n", "run.sh", 8000, args, {"A": "secret"})
    assert submit_command(spec) == (
        "env A=... sbatch --parsable -J mine '--comment=who'\"'\"'s' "
        "--job-name=orc.r.0.1.n run.sh 8000"
    )


@pytest.mark.parametrize(
    ("args", "option"),
    [
        ((), "--exclude=n1,n2"),
        (("--exclude=bad[1-2]",), "'--exclude=bad[1-2],n1,n2'"),
        (("-x", "bad"), "--exclude=bad,n1,n2"),
        (("-xbad",), "--exclude=bad,n1,n2"),
    ],
)
def test_nodes_to_avoid_join_those_of_the_user(args: tuple[str, ...], option: str) -> None:
    """The last option counts. What Slurm could not have named a node is left out."""
    spec = SubmitSpec("n", "run.sh", 1, args, apart_from=("n1", "$(reboot)", "n2"))
    assert submit_command(spec).endswith(f" {option} --job-name=n run.sh 1")


def test_a_file_of_nodes_to_avoid_stays_as_it_is() -> None:
    spec = SubmitSpec("n", "run.sh", 1, ("--exclude=./bad",), apart_from=("n1",))
    assert submit_command(spec) == "sbatch --parsable --exclude=./bad --job-name=n run.sh 1"


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "-u", "Ä", "A\n"])
def test_an_impossible_variable_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="environment variable"):
        SubmitSpec("n", "f", 1, env={name: "x"})


def test_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        submit_command(SubmitSpec("n", "a\0b", 1))


FAILED = "sbatch: error: Batch job submission failed: "
POLICY = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
REJECTED = [
    (1, FAILED + "Invalid partition name specified"),
    (1, "sbatch: error: Unable to open file nofile.sh"),
    (1, "sbatch: error: Unable to open file /home/a/timed out/slurmctld.sh"),
    (255, "sbatch: unrecognized option '--bogus'\nTry \"sbatch --help\" for more information"),
    (1, FAILED + "Requested node configuration is not available"),
    (1, f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{FAILED}{POLICY}"),
    (127, "sbatch: command not found"),
    (76, "sh: 2: cd: can't cd to /home/gone"),
    (1, ""),
]
UNKNOWN = [
    (1, FAILED + "Socket timed out on send/recv operation"),
    (1, FAILED + "Unable to contact slurm controller (connect failure)"),
    (1, FAILED + "Zero Bytes were transmitted or received"),
    (1, FAILED + "Unexpected message received"),
    (1, FAILED + "Protocol authentication error"),
    (1, "sbatch: error: Slurm controller is in standby mode"),
    (1, "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"),
    (124, ""),
    (137, ""),
    (143, "Terminated"),
]


@pytest.mark.parametrize(("code", "said"), REJECTED)
def test_a_clear_no_is_a_rejection(code: int, said: str) -> None:
    outcome = parse_submit(Result(code, "", said))
    assert isinstance(outcome, Rejected)
    assert outcome.message
    assert "sbatch: error" not in outcome.message


@pytest.mark.parametrize(("code", "said"), UNKNOWN)
def test_anything_short_of_a_clear_no_is_unknown(code: int, said: str) -> None:
    assert isinstance(parse_submit(Result(code, "", said)), Unknown)


@pytest.mark.parametrize(
    ("said", "job_id"),
    [("12\n", "12"), ("12;main\n", "12"), ("sbatch: a site's greeting\n13\n", "13")],
)
def test_the_job_id_is_found(said: str, job_id: str) -> None:
    assert parse_submit(Result(0, said, "")) == Accepted(job_id)


def test_success_without_an_id_is_unknown() -> None:
    assert isinstance(parse_submit(Result(0, "", "hm")), Unknown)
