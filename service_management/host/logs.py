"""Structured logs: for people in a terminal, as JSON for machines."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog


def configure(form: str, level: str) -> None:
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [_for_people()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _for_people() -> structlog.dev.ConsoleRenderer:
    """With plain tracebacks: structlog's own show local variables, the admin token among them."""
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(),
        pad_event_to=0,
        exception_formatter=structlog.dev.plain_traceback,
    )


def json_line(event: str, level: str) -> str:
    """Another program's message in the format of this program's lines."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"event": event, "level": level.lower(), "timestamp": now})


def voice(form: str, for_people: Callable[[str], None]) -> Callable[[str], None]:
    """Progress messages for a terminal, or JSON lines if the output is a log."""
    if form != "json":
        return for_people
    return lambda text: print(json_line(text, "info"), flush=True)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json_line(super().format(record), record.levelname)


def gunicorn_config(form: str) -> dict[str, Any]:
    """gunicorn's own lines as JSON; empty: its own format."""
    if form != "json":
        return {}
    chosen = {"level": "WARNING", "handlers": ["error_console"]}
    return {
        "root": chosen,
        "loggers": {"gunicorn.error": {**chosen, "propagate": False}},
        "formatters": {"generic": {"()": JsonFormatter}},
    }
