"""How the parts of the client run their scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from service_management.slurm.outcomes import Unknown
from service_management.ssh.connection import Result

Answer = TypeVar("Answer")


class Ask(Protocol):
    """Runs a script on the login node and parses its answer."""

    def __call__(
        self, command: str, script: str, parse: Callable[[Result], Answer]
    ) -> Answer | Unknown: ...
