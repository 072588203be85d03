"""The errors of commands that brought no answer: the same sentences for both backends."""

from __future__ import annotations

from service_management.clean_text import LONGEST_WORD, one_line
from service_management.ssh.connection import OUTPUT_LIMIT
from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.script_envelope import Envelope


def all_sessions_busy(login: Login, sessions: int) -> SshError:
    text = f"All {sessions} sessions on {login} are busy, and no command finished in time."
    return SshError(SshProblem.BUSY, text)


def session_refused(login: Login) -> SshError:
    text = f"{login} allows no more sessions on this connection (MaxSessions in its sshd_config)."
    return SshError(SshProblem.BUSY, text)


def unanswered(login: Login, *, maybe_ran: bool) -> SshError:
    text = f"{login} did not answer a command in time."
    return SshError(SshProblem.TIMEOUT, text, maybe_ran=maybe_ran)


def too_much_output(login: Login) -> SshError:
    text = (
        f"A command on {login} wrote more than {OUTPUT_LIMIT >> 20} MB and was ended. "
        f"Check the shell start-up files of {login.username} and the size of the job's output."
    )
    return SshError(SshProblem.OUTPUT, text, maybe_ran=True)


def lost_before(login: Login) -> SshError:
    """The command certainly never started."""
    return SshError(SshProblem.MASTER_LOST, f"The connection to {login} has ended.")


def lost_during(login: Login) -> SshError:
    text = f"The connection to {login} ended while a command was running. Reconnecting."
    return SshError(SshProblem.MASTER_LOST, text, maybe_ran=True)


def cut_off(login: Login, envelope: Envelope, stdout: str, stderr: str) -> SshError:
    """The connection is alive, but no end marker arrived; without a begin marker, no shell ran."""
    began = envelope.began(stdout)
    text = f"A command on {login} was cut off." if began else _no_shell(login, stdout + stderr)
    return SshError(SshProblem.COMMAND, text, maybe_ran=True)


def _no_shell(login: Login, output: str) -> str:
    last = one_line((output.strip().splitlines() or ["no output"])[-1], LONGEST_WORD)
    return (
        f"{login} accepts the login but does not run /bin/sh ({last}). "
        f"The account needs a login shell that runs commands."
    )
