"""The documents' commands, typed unchanged into a running clone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import httpx
from dotenv import dotenv_values

from demo.cluster import DEFAULT_SSH_PORT
from tests.docs.typed import Command, Program, Saved, missing, typed
from tests.stack.waiting import wait_for

PATIENCE = 120


class Walk:
    def __init__(self, directory: Path, environment: dict[str, str], port: int) -> None:
        self._directory, self._port = directory, port
        self._environment = {**environment, "COLUMNS": "140"}  # the reader's terminal

    def through(self, page: str) -> None:
        for step in typed(page):
            if isinstance(step, Saved):
                (self._directory / step.name).write_text(self._here(step.text))
            elif isinstance(step, Program):
                self._run([sys.executable, "-c", self._here(step.text)], step.text)
            else:
                self._type(step)

    def stop_services(self) -> None:
        """The next page begins where nothing runs."""
        token = dotenv_values(self._directory / ".env")["ADMIN_TOKEN"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{self._port}", headers=headers) as client:
            for service in client.get("/info").json()["services"]:
                client.post(f"/admin/services/{service['route_name']}/stop?now=1")
            wait_for("all are cold", lambda: _states(client) == {"cold"}, 30)

    def _type(self, command: Command) -> None:
        here = self._here(command.text)
        said = self._run(["bash", "-c", here], here, 1 if command.fails else 0)
        lost = missing([self._here(line) for line in command.shown], said)
        assert not lost, f"$ {here}\ndid not say {lost[0]!r}, but:\n{said}"

    def _run(self, argv: list[str], what: str, code: int = 0) -> str:
        done = subprocess.run(
            argv,
            cwd=self._directory,
            env=self._environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == code, f"$ {what}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def _here(self, text: str) -> str:
        """The page's names, and what replaces them here."""
        here = self._replacements()
        return re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], text)

    def _replacements(self) -> dict[str, str]:
        reader = f"-F {self._reader_config()}"  # who logs in "the way you do today"
        return {
            "sudo ": "",  # the tests are root
            "gateway:8090": f"127.0.0.1:{self._port}",
            "8090": str(self._port),
            "$ADMIN_TOKEN": "$(sed -n s/^ADMIN_TOKEN=//p .env)",
            "ssh -p 22 alice": f"ssh {reader} -p {DEFAULT_SSH_PORT} iodemo",
            "scp -P 22 ": f"scp {reader} -P {DEFAULT_SSH_PORT} ",
            "-p 22 ": f"-p {DEFAULT_SSH_PORT} ",
            '"ssh_port": 22,': f'"ssh_port": {DEFAULT_SSH_PORT},',
            "login.cluster.example": "127.0.0.1",
            "192.0.2.10": "127.0.0.1",  # the gateway, as the cluster sees it
            "alice": "iodemo",
        }

    def _reader_config(self) -> Path:
        """ssh takes a person's own settings from the account's home, which is not the test's."""
        file = self._directory.parent / "reader_ssh_config"
        key, known = self._directory / "ssh_bind_mnt" / "demo_key", file.with_suffix(".known")
        lines = (f"IdentityFile {key}", f"UserKnownHostsFile {known}", "BatchMode yes")
        file.write_text("\n".join([*lines, "StrictHostKeyChecking accept-new", ""]))
        return file


def _states(client: httpx.Client) -> set[str]:
    return {service["state"] for service in client.get("/info").json()["services"]}
