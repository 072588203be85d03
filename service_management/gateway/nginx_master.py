"""nginx's master process: is it there, which generation does it serve, make it serve another."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import ssl
import time
from pathlib import Path

from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.process_table import children, local_pids, pid_in_file, title

RELOAD_SECONDS = 5.0  # nginx itself retries an occupied port for 2.5 s
_POLL_SECONDS = 0.02
_PROBE_SECONDS = 1.0
_COMPLAINT = re.compile(r"\[emerg\] (?:\d+#\d+: )?(.*)")


class NginxMaster:
    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings

    def pid(self) -> int | None:
        """None if this gateway's nginx does not run."""
        return pid_in_file(self._settings.pid_file, "nginx: master")

    def since(self) -> float | None:
        """When it started; None if it does not run. A reload does not touch its pid file."""
        with contextlib.suppress(FileNotFoundError):
            return self._settings.pid_file.stat().st_mtime if self.pid() else None
        return None

    def serves(self, generation: str) -> bool:
        """Nothing is left to do: it serves this one, or will when it starts."""
        return self._started() is None or self._answers(generation)

    def reload(self, generation: str) -> str | None:
        """Take up what `current` points to; what went wrong, or None."""
        log = _Tail(self._settings.error_log)
        pid = self._started()
        if pid is None:
            return None
        before = children(pid)
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + RELOAD_SECONDS
        while time.monotonic() < deadline:
            # For a tenth of a second old and new workers accept connections side by side.
            if self._answers(generation) and not any(map(_accepts, before)):
                return None
            if log.says("still could not bind") or log.says("[emerg]", but="bind()"):
                break
            time.sleep(_POLL_SECONDS)
        return log.words() or f"nginx did not take the configuration up in {RELOAD_SECONDS:g} s"

    def reopen(self) -> None:
        """Write on into fresh log files; what the workers have buffered goes to the old ones."""
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGUSR1)

    def _started(self) -> int | None:
        """Its process, also where it is just starting: then it may have read its configuration
        already, while its pid file is not written yet."""
        deadline = time.monotonic() + RELOAD_SECONDS
        while not self.pid() and self._starts() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self.pid()  # looked for again: who does not start any more may have started

    def _starts(self) -> bool:
        """A process has its arguments in its title until it has become the master."""
        arguments = f" -c {self._settings.current}/"
        return any(
            arguments in title(pid) and not title(pid).startswith("nginx: ") for pid in local_pids()
        )

    def _answers(self, generation: str) -> bool:
        connection = _connection(self._settings)
        try:
            connection.request("GET", "/healthz/nginx")
            return connection.getresponse().read() == f"ok {generation}\n".encode()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _connection(settings: GatewaySettings) -> http.client.HTTPConnection:
    host, port = settings.probe_address
    if settings.tls_cert is None:
        return http.client.HTTPConnection(host, port, timeout=_PROBE_SECONDS)
    # The certificate is for the name that clients use, and an expired one is theirs to refuse.
    loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    loose.check_hostname, loose.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=_PROBE_SECONDS, context=loose)


def _accepts(worker: int) -> bool:
    """It is running and not shutting down: its title would say so, and its sockets are closed."""
    name = title(worker)
    return "nginx: worker process" in name and "shutting down" not in name


class _Tail:
    """What the error log says from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = path.stat().st_size if path.exists() else 0

    def _lines(self) -> list[str]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as log:
            log.seek(self._start)
            return log.read().decode(errors="replace").splitlines()

    def says(self, text: str, but: str = "\0") -> bool:
        return any(text in line and but not in line for line in self._lines())

    def words(self) -> str:
        return complaints("\n".join(self._lines()))


def complaints(text: str) -> str:
    """What nginx refuses in these lines of its log, each once, without time and process number."""
    return "\n".join(dict.fromkeys(_COMPLAINT.findall(text)))
