"""The entry that the answers to `orchestrator add` make, beside those that the file has. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service_management.config import Service

Answers = Mapping[str, str]
Entry = dict[str, Any]
Read = Callable[[str], Entry]  # an answer → the keys of an entry that it decides

NO_PARTITION, NO_GPUS = "none", "0"
SSH_PORT = 22
# As people read an entry: who and where, the job, the paths, the times.
_ORDER = (
    *("name", "route_name"),
    *("ssh_username", "remote_host", "ssh_port", "proxy_jump", "ssh_key_file", "known_hosts_file"),
    *("bash_file", "remote_port", "sbatch_args"),
    *("check_health_path", "api_paths", "timeout"),
)
_BESIDE_A_LOGIN = ("proxy_jump", "known_hosts_file")  # what another entry has for the same login
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_PLACE = re.compile(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", re.DOTALL)


def _number(text: str) -> Any:
    """What is not a number is left to the rules of the configuration."""
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def _login(text: str) -> Entry:
    user, _, place = text.removeprefix("ssh://").rpartition("@")
    found = _PLACE.fullmatch(place)
    host, port = (found[1], found[2]) if found else (place, None)
    return {
        "ssh_username": user,
        "remote_host": host.strip("[]"),
        "ssh_port": SSH_PORT if port is None else _number(port),
    }


def login_text(entry: Entry) -> str:
    if "ssh_username" not in entry or "remote_host" not in entry:
        return ""
    host, port = entry["remote_host"], entry.get("ssh_port", SSH_PORT)
    place = f"[{host}]" if ":" in host else host
    return f"{entry['ssh_username']}@{place}" + (f":{port}" if port != SSH_PORT else "")


# How each answer is read; `partition` and `gpus` become sbatch_args together, see below.
READ: dict[str, Read] = {
    "name": lambda text: {"name": text},
    "route_name": lambda text: {"route_name": text},
    "login": _login,
    "ssh_key_file": lambda text: {"ssh_key_file": text},
    "bash_file": lambda text: {"bash_file": text},
    "remote_port": lambda text: {"remote_port": _number(text)},
    "check_health_path": lambda text: {"check_health_path": text},
    "api_paths": lambda text: {"api_paths": text.replace(",", " ").split()},
    "timeout": lambda text: {"timeout": _number(text)},
}


@dataclass(frozen=True)
class SbatchOptions:
    """sbatch_args, with partition and GPUs apart from the others."""

    partition: str = ""
    gpus: str = ""
    gpu_option: str = "--gres=gpu:"
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> SbatchOptions:
        partition, gpus, gpu_option, others = "", "", cls.gpu_option, []
        for argument in entry.get("sbatch_args", ()):
            if found := re.fullmatch(r"--partition=(.+)", argument):
                partition = found[1]
            elif found := re.fullmatch(r"(--gres=gpu:|--gpus=)([^,]+)", argument):
                gpu_option, gpus = found[1], found[2]
            else:
                others.append(argument)
        return cls(partition, gpus, gpu_option, tuple(others))

    def changed(self, answers: Answers, others: Sequence[str] | None) -> list[str]:
        partition = answers.get("partition", self.partition)
        gpus = answers.get("gpus", self.gpus)
        return [
            *([f"--partition={partition}"] if partition not in ("", NO_PARTITION) else []),
            *([f"{self.gpu_option}{gpus}"] if gpus not in ("", NO_GPUS) else []),
            *(self.others if others is None else others),
        ]


@dataclass(frozen=True)
class Others:
    """The file as it is: its defaults, and its entries with these filled in."""

    defaults: Entry
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, text: str) -> Others:
        """The text has been found valid."""
        value = json.loads(text.removeprefix("\ufeff"))
        defaults = value.get("Defaults", {})
        return cls(defaults, tuple({**defaults, **given} for given in value["Services"]))

    def most_like(self, answers: Answers) -> Entry:
        """The last entry; once a login is chosen, the last one with that login."""
        if "login" not in answers:
            return self.entries[-1] if self.entries else self.defaults
        login = _login(answers["login"]).items()
        same = [one for one in self.entries if login <= {"ssh_port": SSH_PORT, **one}.items()]
        return same[-1] if same else self.defaults

    def fill_in(self, key: str, value: Any) -> bool:
        """Whether the entry need not say it."""
        if key in self.defaults:
            return bool(self.defaults[key] == value)
        default = Service.model_fields[key].get_default()
        return bool((list(default) if isinstance(default, tuple) else default) == value)


def entry_of(answers: Answers, extra: Entry, others: Others) -> Entry:
    """`extra`: keys that no question is about, and sbatch_args beside partition and GPUs."""
    like = others.most_like(answers)
    made = {key: like[key] for key in _BESIDE_A_LOGIN if "login" in answers and key in like}
    for name, text in answers.items():
        made |= READ[name](text) if name in READ else {}
    arguments = SbatchOptions.of(like).changed(answers, extra.get("sbatch_args"))
    made |= {**extra, "sbatch_args": arguments}
    return {key: made[key] for key in _ORDER if key in made and not others.fill_in(key, made[key])}
