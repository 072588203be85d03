"""The commands about services_config.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from service_management import settings
from service_management.catalogue_source import read_catalogue
from service_management.cli.terminal import complain, show
from service_management.config import Catalogue
from service_management.config import schema as config_schema
from service_management.host import tls


def validate(
    file: Annotated[Path | None, typer.Argument(help="By default SERVICES_CONFIG.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Check services_config.json and print every problem. Exit code 1 if there is one."""
    chosen = settings.read()
    outcome, of_tls = read_catalogue(chosen, file), tls.problems(chosen)
    problems = [*(outcome if isinstance(outcome, list) else []), *of_tls]
    services = outcome.services if isinstance(outcome, Catalogue) else {}
    warnings = list(map(str, outcome.warnings)) if isinstance(outcome, Catalogue) else []
    if not of_tls and (expired := tls.warning(chosen)):
        warnings.append(expired)
    if as_json:
        found = [problem.to_json() for problem in problems]
        report = {"valid": not problems, "services": list(services), "problems": found}
        print(json.dumps({**report, "warnings": warnings}))
    else:
        complain([*map(str, problems), *(f"warning: {text}" for text in warnings)])
        if isinstance(outcome, Catalogue) and not problems:
            show(f"valid: {_count(len(services), 'service')}, version {outcome.version}")
        elif problems:
            place = f"{file or chosen.config_file}{' and the environment' if of_tls else ''}"
            complain([f"{_count(len(problems), 'problem')} in {place}"])
    raise typer.Exit(1 if problems else 0)


def schema() -> None:
    """Print the JSON Schema of services_config.json. Editors use it."""
    print(json.dumps(config_schema(), indent=2))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
