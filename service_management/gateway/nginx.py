"""nginx as a process with generations of configuration: checked, switched in one step, undone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from service_management.atomic_files import symlink_atomically
from service_management.config import Catalogue
from service_management.gateway.gateway_settings import GatewaySettings
from service_management.gateway.nginx_master import NginxMaster, complaints
from service_management.gateway.nginx_program import binary
from service_management.gateway.render import MAIN, GatewayRefused, generation_of, render

_CHECK_SECONDS = 60


class NginxRefused(GatewayRefused):
    """nginx does not accept the configuration; the text is what it says."""


class Nginx:
    """Only one thread calls `apply`."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.master = NginxMaster(settings)

    def argv(self) -> list[str]:
        """How a process supervisor starts it, in the foreground."""
        return [*self._program(), "-c", str(self.settings.current / MAIN), "-g", "daemon off;"]

    def ensure_config(self, catalogue: Catalogue | None = None) -> None:
        """Whatever nginx needs in order to start; this catalogue where there was none."""
        self._make_directories()
        if not (self.settings.current / MAIN).is_file():
            self.apply(render(catalogue or Catalogue.of([]), self.settings))

    def apply(self, files: Mapping[str, str]) -> None:
        """Serve these files, or raise NginxRefused and keep serving the old ones."""
        self._make_directories()
        generation = generation_of(files)
        if generation == self._current() and self.master.serves(generation):
            return
        directory = self._directory(generation)
        _write(directory, files)
        try:
            self._check(directory)
            self._switch(generation)
        except NginxRefused:
            self._remove_all_but(self._current())
            raise
        self._remove_all_but(generation)

    def reload(self) -> None:
        """What its configuration names may have changed, as a certificate does: read it again."""
        generation = self._current() or ""
        self._check(self._directory(generation))
        if trouble := self.master.reload(generation):
            raise NginxRefused(trouble)

    def _switch(self, generation: str) -> None:
        previous = self._current()
        self._point_to(generation)
        trouble = self.master.reload(generation)
        if trouble is None:
            return
        if previous:
            # Also where nginx kept the old configuration by itself: it may only have been slow,
            # and take up the refused one after we stopped waiting.
            self._point_to(previous)
            self.master.reload(previous)
        raise NginxRefused(trouble)

    def _check(self, directory: Path) -> None:
        argv = [*self._program(), "-e", "stderr", "-t", "-q", "-c", str(directory / MAIN)]
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
        )
        if done.returncode != 0:
            words = complaints(done.stderr) or done.stderr.strip()
            raise NginxRefused(words.replace(f"{directory}/", ""))

    def _program(self) -> list[str]:
        return [binary(), "-p", f"{self.settings.nginx_dir}/", "-e", str(self.settings.error_log)]

    def _current(self) -> str | None:
        link = self.settings.current
        return link.readlink().name.removeprefix("gen-") if link.is_symlink() else None

    def _directory(self, generation: str) -> Path:
        return self.settings.nginx_dir / f"gen-{generation}"

    def _point_to(self, generation: str) -> None:
        symlink_atomically(self.settings.current, Path(self._directory(generation).name))

    def _remove_all_but(self, kept: str | None) -> None:
        for directory in self.settings.nginx_dir.glob("gen-*"):
            if directory.name != f"gen-{kept}":
                shutil.rmtree(directory)

    def _make_directories(self) -> None:
        settings = self.settings
        for name in ("routes", "tunnels"):
            (settings.run_dir / name).mkdir(parents=True, exist_ok=True)
        for directory in (settings.nginx_dir, settings.log_dir, settings.spool("body").parent):
            directory.mkdir(parents=True, exist_ok=True)


def _write(directory: Path, files: Mapping[str, str]) -> None:
    """A leftover of the same name may be half written, so it is always rendered again."""
    shutil.rmtree(directory, ignore_errors=True)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
