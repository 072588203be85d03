"""Host keys in OpenSSH's files, checked at least as strictly.

Where a host has a recorded key, any other key is refused, also one of another type, which OpenSSH
would accept as a new host.
"""

from __future__ import annotations

import fnmatch
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paramiko import HostKeys, PKey

_RECORDING = threading.Lock()  # two first contacts must not write into the same line


class HostKeyRefused(Exception):
    """Worded like ssh's own messages, so that login_errors.py explains it."""


@dataclass(frozen=True)
class _Entry:
    line: int
    marker: str
    names: str
    kind: str
    key: str


@dataclass(frozen=True)
class KnownHosts:
    """One known_hosts file; a pinned one is never written to."""

    file: Path
    pinned: bool

    def kinds(self, host: str, port: int) -> tuple[str, ...]:
        """The recorded key types, to be requested first."""
        return tuple(entry.kind for entry in self._of(host, port) if not entry.marker)

    def check(self, host: str, port: int, key: PKey) -> None:
        entries = self._of(host, port)
        same = [entry for entry in entries if entry.key == key.get_base64()]
        if any(entry.marker == "@revoked" for entry in same):
            raise HostKeyRefused(self._changed(same))
        plain = [entry for entry in entries if not entry.marker]
        if any(entry in same for entry in plain):
            return
        if plain:
            kind = key.get_name()
            raise HostKeyRefused(self._changed([e for e in plain if e.kind == kind] or plain))
        if self.pinned:
            name = _name(host, port)
            raise HostKeyRefused(f"No {key.get_name()} host key is known for {name} in {self.file}")
        try:
            self._record(f"{_name(host, port)} {key.get_name()} {key.get_base64()}\n")
        except OSError as error:
            raise HostKeyRefused(f"{self.file} cannot be written: {error.strerror}") from error

    def _changed(self, entries: list[_Entry]) -> str:
        offending = f"Offending {entries[0].kind} key in {self.file}:{entries[0].line}"
        return f"REMOTE HOST IDENTIFICATION HAS CHANGED\n{offending}"

    def _of(self, host: str, port: int) -> list[_Entry]:
        name = _name(host, port)
        return [entry for entry in self._entries() if _matches(entry.names, name)]

    def _entries(self) -> Iterator[_Entry]:
        try:
            text = self.file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        except OSError as error:
            raise HostKeyRefused(f"{self.file} cannot be read: {error.strerror}") from error
        for number, line in enumerate(text.splitlines(), start=1):
            words = line.split()
            marker = words.pop(0) if words and words[0].startswith("@") else ""
            if len(words) >= 3 and not words[0].startswith("#"):
                yield _Entry(number, marker, words[0], words[1], words[2])

    def _record(self, line: str) -> None:
        with _RECORDING:
            descriptor = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 1))
                unfinished = file.read(1) not in (b"", b"\n")
                file.write((b"\n" if unfinished else b"") + line.encode())


def _name(host: str, port: int) -> str:
    host = host.lower()
    return host if port == 22 else f"[{host}]:{port}"


def _matches(names: str, name: str) -> bool:
    """`names` is a list of patterns, where a negated match wins, or one hashed name."""
    if names.startswith("|1|"):
        return _hash_matches(names, name)
    found = False
    for pattern in names.lower().split(","):
        if pattern.startswith("!"):
            if _glob(name, pattern[1:]):
                return False
        else:
            found = found or _glob(name, pattern)
    return found


def _hash_matches(hashed: str, name: str) -> bool:
    try:
        return HostKeys.hash_host(name, hashed) == hashed
    except (ValueError, AssertionError):
        return False


def _glob(name: str, pattern: str) -> bool:
    """Only * and ? are wild in known_hosts; brackets are part of a name with a port."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))
