"""The entry that `orchestrator add` is about to write, and the file that it goes to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from service_management.atomic_files import rewrite
from service_management.catalogue_source import parse_catalogue
from service_management.cli.new_service import Entry, Others, entry_of
from service_management.config import Catalogue, Problem, file_rule
from service_management.config.new_entry import EMPTY_FILE, append_entry
from service_management.native.waiting import NativeError
from service_management.settings import Settings


@dataclass
class Draft:
    chosen: Settings
    text: str  # of the file as it is
    others: Others
    further: Entry  # keys that no question is about
    answers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, chosen: Settings, further: Entry) -> Draft:
        text = _read(chosen.config_file)
        found = parse_catalogue(chosen, text)
        if not isinstance(found, Catalogue):
            problems = "\n".join(map(str, found))
            raise NativeError(f"{chosen.config_file} is not valid; correct it first:\n{problems}")
        return cls(chosen, text, Others.of(text), further)

    @property
    def like(self) -> Entry:
        """What the answers are proposed from."""
        found = self.others.most_like(self.answers)
        return found if "ssh_key_file" in found else {**found, "ssh_key_file": self._only_key()}

    @property
    def entry(self) -> Entry:
        return entry_of(self.answers, self.further, self.others)

    @property
    def api_paths(self) -> list[str]:
        """The entry has none where Defaults has the same."""
        paths: list[str] = {**self.others.defaults, **self.entry}["api_paths"]
        return paths

    def problems(self, keys: Sequence[str] = ()) -> list[Problem]:
        """What the new entry makes wrong with the file; only with these keys, if any are named."""
        found = parse_catalogue(self.chosen, append_entry(self.text, self.entry))
        problems = [] if isinstance(found, Catalogue) else found
        return [one for one in problems if not keys or re.split(r"[.\[]", one.key)[0] in keys]

    def _only_key(self) -> str:
        """Of the key directory; empty where there is none, or a choice."""
        try:
            files = list(self.chosen.key_dir.iterdir())
        except OSError:
            return ""
        keys = [file.name for file in files if file_rule("ssh_key_file", file) is None]
        return keys[0] if len(keys) == 1 else ""

    def write(self) -> None:
        """Refused where the file has changed since it was read."""
        path = self.chosen.config_file
        if _read(path) != self.text:
            raise NativeError(f"{path} was changed meanwhile, and is left as it is: try again")
        try:
            if not path.exists():
                path.write_text(EMPTY_FILE, encoding="utf-8")
            rewrite(path, append_entry(self.text, self.entry))
        except OSError as error:
            raise NativeError(
                f"{path} cannot be written ({error.strerror}): add the entry there by hand"
            ) from None


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return EMPTY_FILE
