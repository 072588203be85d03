"""`orchestrator add`: asks for a new service, checks each answer as `validate` does, and appends
its entry to services_config.json. Questions go to stderr: `--print > file` has only the entry."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer
from rich.text import Text

from service_management import settings
from service_management.cli.add_questions import QUESTIONS, Question
from service_management.cli.entry_draft import Draft
from service_management.cli.terminal import err, say, show
from service_management.config import Problem
from service_management.config.new_entry import render_entry
from service_management.native.waiting import NativeError

String = str | None


def add(  # noqa: PLR0913 - an option for each answer
    *,
    route_name: Annotated[String, typer.Option(help="The first part of its URL.")] = None,
    name: Annotated[String, typer.Option(help="Shown to people.")] = None,
    login: Annotated[String, typer.Option(help="user@host, or user@host:port.")] = None,
    ssh_key_file: Annotated[String, typer.Option(help="The private key.")] = None,
    bash_file: Annotated[String, typer.Option(help="The batch script on the cluster.")] = None,
    remote_port: Annotated[String, typer.Option(help='The port, or "auto".')] = None,
    check_health_path: Annotated[String, typer.Option(help="2xx once it is ready.")] = None,
    api_paths: Annotated[String, typer.Option(help='Separated by blanks; "/": all.')] = None,
    timeout: Annotated[String, typer.Option(help="Idle seconds.")] = None,
    partition: Annotated[String, typer.Option(help="Slurm's partition.")] = None,
    gpus: Annotated[String, typer.Option(help='GPUs of its job, as "1" or "a100:2".')] = None,
    sbatch_arg: Annotated[
        list[str] | None, typer.Option(help="A further option of sbatch; repeatable.")
    ] = None,
    proxy_jump: Annotated[String, typer.Option(help="Hosts on the way to the login node.")] = None,
    known_hosts_file: Annotated[String, typer.Option(help="Pins the host keys.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, take what is proposed.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Print the entry only.")] = False,
) -> None:
    """Add a service: ask for what is not given, and write its entry."""
    answers = {
        "route_name": route_name,
        "name": name,
        "login": login,
        "ssh_key_file": ssh_key_file,
        "bash_file": bash_file,
        "remote_port": remote_port,
        "check_health_path": check_health_path,
        "api_paths": api_paths,
        "timeout": timeout,
        "partition": partition,
        "gpus": gpus,
    }
    further = {
        "proxy_jump": proxy_jump,
        "known_hosts_file": known_hosts_file,
        "sbatch_args": sbatch_arg,
    }
    given = {name: text for name, text in answers.items() if text is not None}
    draft = Draft.of(settings.read(), {key: one for key, one in further.items() if one is not None})
    _complete(draft, given, ask=not yes)
    show(render_entry(draft.entry))
    if not only_print:
        _write(draft, ask=not yes)


def _complete(draft: Draft, given: Mapping[str, str], *, ask: bool) -> None:
    for question in QUESTIONS:
        _answer(draft, question, given.get(question.name), ask=ask)
    if wrong := draft.problems():  # of a key that no question is about
        raise NativeError("\n".join(map(_rule, wrong)))


def _write(draft: Draft, *, ask: bool) -> None:
    file, entry = draft.chosen.config_file, draft.entry
    if ask and _typed(f"Add it to {file}?", "yes") not in ("y", "yes"):
        raise NativeError("nothing was written")
    draft.write()
    route, path = entry["route_name"], draft.api_paths[0].removesuffix("*")
    say(f"added to {file}; a running gateway serves it within 2 s")
    say(f"next: orchestrator check {route}")
    say(f"then: curl -i {draft.chosen.gateway_url}/{route}{path}")


def _answer(draft: Draft, question: Question, given: str | None, *, ask: bool) -> None:
    """Until the answer is valid. One that was given as an option has to be."""
    proposed = question.default(draft.like, draft.answers)
    while True:
        answer = given if given is not None else proposed
        if given is None and ask:
            answer = _typed(question.text, proposed)
        if not answer and not ask:
            option = f"--{question.name.replace('_', '-')}"
            raise NativeError(f"{option} must be given: there is nothing to propose for it")
        draft.answers[question.name] = answer
        wrong = draft.problems(question.keys)
        if not wrong:
            return
        if given is not None or not ask:
            raise NativeError("\n".join(map(_rule, wrong)))
        for problem in wrong:
            err.print(Text(_rule(problem), style="red"), soft_wrap=True)
        proposed = _suggestion(wrong[0], question) or proposed


def _rule(problem: Problem) -> str:
    """Without the service and the place in the file: there is none yet."""
    return str(replace(problem, service="", line=None))


def _suggestion(problem: Problem, question: Question) -> str:
    """As one would type it; of several the nearest, which is the first."""
    if (problem.key,) != question.keys or not problem.suggestion:
        return ""
    try:
        value, _ = json.JSONDecoder().raw_decode(problem.suggestion)
    except ValueError:  # a long one is cut
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _typed(question: str, proposed: str) -> str:
    """Not click's prompt, which turns Ctrl-C into another exit code than that of other commands."""
    default = f" [{proposed}]" if proposed else ""
    err.print(Text(f"{question}{default}: "), end="", soft_wrap=True)
    line = sys.stdin.readline()
    if not line:
        raise NativeError(
            "the input has ended, and nothing was written: give the answers as options, or --yes"
        )
    return line.strip() or proposed
