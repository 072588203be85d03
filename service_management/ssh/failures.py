"""What to say of a command that brought no answer back: one set of sentences for all backends."""

from __future__ import annotations

from service_management.ssh.errors import SshError, SshProblem
from service_management.ssh.login import Login
from service_management.ssh.script_envelope import Envelope


def none_free(login: Login, sessions: int) -> SshError:
    text = f"{sessions} commands are still running on {login}; none ended in time."
    return SshError(SshProblem.BUSY, text)


def session_refused(login: Login) -> SshError:
    text = f"{login} allows no more sessions on this connection (MaxSessions)."
    return SshError(SshProblem.BUSY, text)


def unanswered(login: Login, *, maybe_ran: bool) -> SshError:
    text = f"{login} did not answer a command in time."
    return SshError(SshProblem.TIMEOUT, text, maybe_ran=maybe_ran)


def lost_before(login: Login) -> SshError:
    """The command certainly never started."""
    return SshError(SshProblem.MASTER_LOST, f"The connection to {login} has ended.")


def lost_during(login: Login) -> SshError:
    text = f"The connection to {login} ended during a command; a new one is made."
    return SshError(SshProblem.MASTER_LOST, text, maybe_ran=True)


def cut_off(login: Login, envelope: Envelope, stdout: str, stderr: str) -> SshError:
    """The connection stands, but there was no end marker; without a begin marker, no shell."""
    began = envelope.began(stdout)
    text = f"A command on {login} was cut off." if began else _no_shell(login, stdout + stderr)
    return SshError(SshProblem.COMMAND, text, maybe_ran=True)


def _no_shell(login: Login, heard: str) -> str:
    said = heard.strip().splitlines()
    return (
        f"{login} logs in but does not run /bin/sh ({said[-1] if said else 'no word'}): "
        f"the account needs a login shell that runs commands."
    )
