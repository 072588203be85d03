"""The errors of SSH.

    ClusterError(kind, text)
    ├── LoginError      a login whose values cannot be written into an ssh_config
    └── SshError        no connection, or one that broke; `kind` is an SshProblem

`kind` labels metrics. `text` is for people: what happened, then what to do. What Slurm answers
is not an exception: see slurm/outcomes.py.

What a login node said, its banner or a line of ssh's, is often part of the text. It steers no
terminal and no page, and it is short.
"""

from __future__ import annotations

from enum import StrEnum

from service_management.clean_text import one_line

LONGEST_ERROR = 1000


class SshProblem(StrEnum):
    """Why a login could not be used."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    AUTH = "auth"
    HOST_KEY_CHANGED = "host_key_changed"
    HOST_KEY_UNKNOWN = "host_key_unknown"
    TIMEOUT = "timeout"
    MASTER_LOST = "master_lost"
    BUSY = "busy"
    FORWARD_FAILED = "forward_failed"
    COMMAND = "command"
    OUTPUT = "output"


class ClusterError(Exception):
    """The cluster could not be reached or used."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = one_line(text, LONGEST_ERROR)
        super().__init__(self.text)


class LoginError(ClusterError):
    """A value of the login that ssh would misread."""

    def __init__(self, text: str) -> None:
        super().__init__("login", text)


class SshError(ClusterError):
    """The connection failed. `maybe_ran` is False where the script certainly never started."""

    def __init__(self, kind: SshProblem, text: str, *, maybe_ran: bool = False) -> None:
        super().__init__(kind.value, text)
        self.problem = kind
        self.maybe_ran = maybe_ran
