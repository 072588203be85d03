"""A batch script as the login node sees it, and the files that its job writes. Pure.

sbatch refuses most of what is wrong with a script, in words that send people the wrong way; some of
it shows only on the node, minutes later.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from service_management.clean_text import LONGEST_WORD, one_line
from service_management.slurm.outcomes import Unknown
from service_management.slurm.sbatch import HOME_CLOSED, NO_HOME, option
from service_management.slurm.scontrol import sections
from service_management.slurm.shell import ask_slurm, quote, quote_path
from service_management.ssh.connection import Result

MOST_BYTES = 1 << 16  # that are read of a script
MOST_NAMES = 200  # of files beside one that is missing


@dataclass(frozen=True)
class ScriptFacts:
    """`trouble` is empty, or why the script cannot be read: then it has no text."""

    home: str
    path: str
    trouble: str = ""
    text: str = ""
    names: tuple[str, ...] = ()  # what is there instead

    @property
    def crlf_lines(self) -> int:
        return self.text.count("\r\n")

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0].rstrip("\r")

    @property
    def has_shebang(self) -> bool:
        return re.match(r"#![ \t]*/", self.text) is not None

    def uses_port(self, port: int | None) -> bool:
        """Its first argument, or the number itself, is somewhere in it."""
        words = r"\$\{?[1@*]" + (rf"|\b{port}\b" if port else "")
        return re.search(words, self.text) is not None

    @property
    def sbatch_lines(self) -> list[str]:
        """The words of its #SBATCH lines; sbatch reads them up to the first command."""
        words: list[str] = []
        for line in self.text.splitlines():
            if line.startswith("#SBATCH"):
                words += _words(line.removeprefix("#SBATCH"))
            elif line.strip() and not line.startswith("#"):
                break
        return words


@dataclass(frozen=True)
class JobFiles:
    """Where a job runs and writes; a path with a % is known only when the job is."""

    directory: str
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, facts: ScriptFacts, sbatch_args: Sequence[str]) -> JobFiles:
        """Options of the command line win over those of the script."""

        def chosen(long: str, short: str) -> str:
            return option(sbatch_args, long, short) or option(facts.sbatch_lines, long, short)

        directory = _below(facts.home, chosen("chdir", "D") or ".")
        paths = (chosen("output", "o") or "slurm-%j.out", chosen("error", "e"))
        return cls(directory, tuple(_below(directory, path) for path in paths if path))


def look_script(bash_file: str, mark: str, seconds: float) -> str:
    """sbatch opens the script as the account, from its home directory."""
    return f"""{ask_slurm(seconds)}
cd || exit {NO_HOME}
file={quote_path(bash_file)}
say() {{ echo "{mark} $1 $2"; }}
say home "$PWD"
if [ -d "$file" ]; then say trouble "is a directory"
elif [ ! -e "$file" ]; then say trouble "does not exist"
elif ! limited head -c 1 "$file" >/dev/null 2>&1; then say trouble "cannot be read"
else say text ''; limited head -c {MOST_BYTES} "$file"; echo; say end ''; exit 0
fi
say names ''; ls "$(dirname "$file")" 2>/dev/null | head -n {MOST_NAMES}
say end ''"""


def parse_script(result: Result, bash_file: str, mark: str) -> ScriptFacts | Unknown:
    found = sections(result.stdout, mark)
    if "home" not in found or "end" not in found:
        return _no_answer(result)
    home = found["home"][0].strip()
    path = _below(home, bash_file.removeprefix("~/"))
    if "trouble" in found:
        names = tuple(one_line(name, LONGEST_WORD) for name in found["names"][1].splitlines())
        return ScriptFacts(home, path, found["trouble"][0].strip(), names=names)
    return ScriptFacts(home, path, text=found["text"][1].removesuffix("\n"))


def write_script(files: JobFiles, seconds: float) -> str:
    """Writes a byte at each place and takes it away again: the mode alone does not tell of a full
    disk, a quota or a file system that is mounted read-only."""
    places = {files.directory: files.directory}
    places |= {_directory(output): output for output in files.outputs}
    tries = "\n".join(
        f"try {quote(place)} {quote(file)}" for place, file in places.items() if "%" not in place
    )
    return f"""{ask_slurm(seconds)}
try() {{
    [ -f "$2" ] || [ -c "$2" ] && [ -w "$2" ] && return
    [ -d "$1" ] || {{ echo "$1 does not exist"; return; }}
    draft="$1/.orchestrator-check.$$"
    said=$( (umask 077; set -C; echo check > "$draft") 2>&1 ) || echo "$1: ${{said##*: }}"
    rm -f "$draft" 2>/dev/null
}}
cd || exit {NO_HOME}
{tries}
true"""


def parse_write(result: Result) -> tuple[str, ...] | Unknown:
    """What cannot be written."""
    if result.exit_code != 0:
        return _no_answer(result)
    return tuple(one_line(line) for line in result.stdout.splitlines() if line)


def _no_answer(result: Result) -> Unknown:
    if result.exit_code == NO_HOME:
        return Unknown(HOME_CLOSED, "command")
    said = one_line(result.stderr) or f"exit code {result.exit_code}"
    return Unknown(f"The login node did not answer: {said}", "command")


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()


def _below(directory: str, path: str) -> str:
    return (
        path
        if path.startswith("/")
        else f"{directory}/{path}".replace("/./", "/").removesuffix("/.")
    )


def _directory(path: str) -> str:
    return path.rpartition("/")[0] or "/"
