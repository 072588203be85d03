"""Rules for the options of sbatch and the environment of the job."""

from __future__ import annotations

import re
import shlex
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler

from .config_problem import refusal

# Options that the orchestrator sets itself, or that keep sbatch from printing a job id.
OWNED = {
    "job-name": "J",
    "parsable": "",
    "wait": "W",
    "array": "a",
    "test-only": "",
    "wrap": "",
    "clusters": "M",
    "help": "h",
    "usage": "",
    "version": "V",
}
REASONS = {
    "job-name": "the orchestrator finds its jobs by it",
    "clusters": "the login host (remote_host) chooses the cluster",
    "array": "each replica is a separate job",
    "wait": "the orchestrator follows the job itself",
    "wrap": "bash_file is what is run",
    "parsable": "the orchestrator sets it itself",
}
FLAGS = "hHIkOQRsuvVW"  # sbatch's short options without a value: more may follow in the same word
OPTION = re.compile(r"--[a-z][a-z-]+(=|$)|-[A-Za-z]")
FREE_TEXT = ("--comment", "--export")  # a value of theirs may look like further options
OWN_PREFIXES = ("SLURM_", "SBATCH_", "ORCHESTRATOR_")
TOKEN_VARIABLE = "IO_JOB_TOKEN"  # noqa: S105 - a variable's name


def sbatch_args(args: tuple[str, ...]) -> tuple[str, ...]:
    for number, (before, arg) in enumerate(zip(("", *args), args, strict=False), 1):
        if not arg.startswith("-") and not _takes_value(before):
            raise refusal(
                f"entry {number} is neither an option nor the value of one: sbatch would run it"
            )
    return args


def one_option_an_entry(value: Any, inner: ValidatorFunctionWrapHandler) -> Any:
    """A list, proposed where several options are in one string, or an option with its value."""
    entries = option_entries(value)
    if entries is None or entries == value:
        return inner(value)
    rule = "must have one option, or one value, per entry"
    if isinstance(value, str):
        rule = "must be a list of strings"
    why = _complaint(entries, inner)
    raise refusal(f"{rule}; {why}") if why else refusal(rule, entries)


def option_entries(value: Any) -> list[Any] | None:
    """One option, or one value, per entry; None where `value` is neither text nor a list."""
    if isinstance(value, str):
        return _split(value)
    if isinstance(value, list):
        return [part for each in value for part in _entries(each)]
    return None


def sbatch_arg(arg: str) -> str:
    if arg and not arg.isprintable():
        raise refusal("must be one line of printable characters")
    if arg in ("-", "--"):
        raise refusal("must be an option or its value: sbatch stops reading options here")
    owned = _owned_option(arg)
    if owned:
        why = REASONS.get(owned, "no job would be started")
        raise refusal(f"must not set --{owned}: {why}")
    return arg


def env_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        near = re.sub(r"[^A-Za-z0-9_]", "_", name)
        raise refusal(
            "must be a name of letters, digits and '_', not beginning with a digit",
            near if re.match(r"[A-Za-z_]", near) else "",
        )
    if name == TOKEN_VARIABLE:
        raise refusal('must not be IO_JOB_TOKEN: verify "token" sets it')
    if name.startswith(OWN_PREFIXES):
        raise refusal("must not begin with SLURM_, SBATCH_ or ORCHESTRATOR_: these are reserved")
    return name


def env_value(value: str) -> str:
    """Newlines are fine here, since values are quoted; a NUL ends a value in every system call."""
    if "\0" in value:
        raise refusal("must not have a NUL character")
    if re.search(r"[\ud800-\udfff]", value):
        raise refusal("must not have a lone surrogate: \\ud800 to \\udfff are half a character")
    return value


def _takes_value(before: str) -> bool:
    return (before.startswith("--") and "=" not in before) or bool(re.match(r"-[^-]", before))


def _entries(entry: Any) -> list[Any]:
    """What one entry should be: `--gres gpu:1` reaches sbatch as an option of that whole name, and
    `--partition=gpu --gres=gpu:1` as a partition of that name."""
    if not isinstance(entry, str) or not entry.startswith("-"):
        return [entry]
    first, *others = _split(entry) or [""]
    if any(OPTION.match(word) for word in others) and not first.startswith(FREE_TEXT):
        return [first, *others]
    match = re.fullmatch(r"(--[A-Za-z-]+)\s+(.*)|(-[A-Za-z])\s+(.*)", entry)
    if match is None:
        return [entry]
    return [f"{match[1]}={match[2]}" if match[1] else f"{match[3]}{match[4]}"]


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quote is missing
        return text.split()


def _complaint(entries: list[Any], inner: ValidatorFunctionWrapHandler) -> str:
    """What is wrong with them in turn: then they are no suggestion."""
    try:
        inner(entries)
    except ValidationError as error:
        return str(error.errors()[0].get("ctx", {}).get("rule", ""))
    return ""


def _owned_option(arg: str) -> str:
    if arg.startswith("--"):
        word = arg[2:].partition("=")[0]  # sbatch takes any beginning of a long option
        return next((name for name in OWNED if word and name.startswith(word)), "")
    letters = {short: name for name, short in OWNED.items() if short}
    for letter in arg[1:] if arg.startswith("-") else "":
        if letter in letters:
            return letters[letter]
        if letter not in FLAGS:
            break  # the rest of the word is this option's value
    return ""
