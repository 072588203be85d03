"""What an unknown key was probably meant to be: a key spelt differently, or an option of sbatch."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .config_problem import UNKNOWN_KEY, Fault, nearest, plain, shown
from .durations import clock, seconds
from .job_options import option_entries

OPTION_RULE = f"{UNKNOWN_KEY}; it is an option of sbatch, for sbatch_args"

# Other words for a key. Of several keys the first that is not given is meant.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "remote_host": ("host", "hostname", "login_host", "login_node", "server", "cluster"),
    "ssh_username": ("user", "username", "login", "remote_user"),
    "ssh_key_file": ("key", "key_file", "key_path", "identity_file", "private_key"),
    "remote_port": ("port", "service_port"),
    "ssh_port": ("port",),
    "proxy_jump": ("jump_host", "bastion", "gateway"),
    "bash_file": ("script", "batch_script", "sbatch_file", "job_script", "command"),
    "check_health_path": (
        *("health", "healthz", "healthcheck", "health_check", "check_health"),
        *("health_path", "health_check_path", "ready_path", "readiness"),
    ),
    "route_name": ("route", "path", "prefix"),
    "api_paths": ("paths", "path", "endpoints", "routes"),
    "timeout": ("idle", "idle_timeout", "idle_seconds", "ttl"),
    "startup_timeout": ("start_timeout", "load_timeout"),
    "max_replicas": ("replicas",),
    "affinity": ("sticky", "sticky_sessions", "stickiness", "session_affinity"),
    "scale_down_delay": ("cooldown", "cooldown_period", "cool_down", "stabilization_window"),
    "schedule": ("warm_hours", "hours", "opening_hours", "office_hours", "cron"),
    "env": ("environment", "environment_variables", "variables", "vars"),
    "max_body": ("body_size", "max_body_size", "client_max_body_size"),
}
SCHEDULE_SYNONYMS = {
    "days": ("day", "weekday", "weekdays", "on"),
    "from": ("start", "begin", "since", "at"),
    "to": ("end", "until", "till", "stop"),
    "min_replicas": ("replicas", "min", "minimum"),
    "timezone": ("time_zone", "tz", "zone"),
}
OPTIONS = (  # noqa: SIM905
    "account begin chdir comment constraint cores-per-socket cpus-per-gpu cpus-per-task deadline "
    "dependency distribution error exclude exclusive export gpu-bind gpus gpus-per-node "
    "gpus-per-socket gpus-per-task gres hold licenses mail-type mail-user mem mem-bind mem-per-cpu "
    "mem-per-gpu mincpus nice nodefile nodelist nodes ntasks ntasks-per-core ntasks-per-gpu "
    "ntasks-per-node oversubscribe output partition prefer priority qos requeue reservation signal "
    "sockets-per-node threads-per-core time time-min tmp wckey"
).split()
OPTION_SYNONYMS = {
    "gpus": ("gpu", "n_gpus", "num_gpus", "gpu_count"),
    "partition": ("partitions", "queue"),
    "cpus-per-task": ("cpus", "cpu", "cores", "n_cpus", "num_cpus"),
    "mem": ("memory", "ram"),
    "time": ("walltime", "wall_time", "time_limit", "timelimit"),
    "account": ("project", "charge_account"),
    "nodes": ("num_nodes", "n_nodes"),
    "nodelist": ("node", "node_list"),
    "constraint": ("constraints", "feature", "features"),
    "qos": ("quality_of_service",),
    "gres": ("generic_resources",),
    "chdir": ("workdir", "working_directory", "work_dir"),
}
_OPTION_OF = {name: name for name in OPTIONS} | {
    word.replace("_", "-"): option for option, words in OPTION_SYNONYMS.items() for word in words
}


@dataclass(frozen=True)
class UnknownKeys:
    """The faults of unknown keys, and the keys that were meant by them."""

    faults: tuple[Fault, ...]
    meant: frozenset[str]


def explain(
    given: dict[str, Any], allowed: Collection[str], inherited: Iterable[str] = ()
) -> UnknownKeys:
    """`inherited`: the options in Defaults, which an entry's own sbatch_args replace."""
    unknown = [key for key in given if key not in allowed]
    options = {key: option for key in unknown if (option := _OPTION_OF.get(_dashed(key)))}
    faults, meant = [], set()
    for key in unknown:
        if key in options:
            faults.append(Fault((key,), "", OPTION_RULE, _all_options(given, options, inherited)))
            continue
        near = _meant_key(key, given, allowed)
        meant.add(near)
        # Without the value: it may be a secret whose key is misspelt.
        faults.append(Fault((key,), "", UNKNOWN_KEY, near))
    return UnknownKeys(tuple(faults), frozenset(meant))


def _dashed(key: str) -> str:
    return key.lower().replace("_", "-")


def _meant_key(key: str, given: Collection[str], allowed: Collection[str]) -> str:
    word = _dashed(key).replace("-", "_")
    synonyms = [known for known in SYNONYMS if known in allowed and word in SYNONYMS[known]]
    synonyms.sort(key=given.__contains__)
    return next(iter(synonyms), "") or nearest(key, allowed)


def near_schedule_key(key: str) -> str:
    """Of an entry of `schedule`."""
    word = _dashed(key).replace("-", "_")
    synonyms = (known for known, others in SCHEDULE_SYNONYMS.items() if word in others)
    return next(synonyms, "") or nearest(key, tuple(SCHEDULE_SYNONYMS))


def _all_options(given: dict[str, Any], options: dict[str, str], inherited: Iterable[str]) -> str:
    """The whole of sbatch_args, ready to paste."""
    own = option_entries(given.get("sbatch_args", list(inherited))) or []
    words = [*own, *(_option(option, given[key]) for key, option in options.items())]
    return plain(f'"sbatch_args": {shown(words, limit=1000)}', limit=1000)


def _option(option: str, value: Any) -> str:
    if value is True:
        return f"--{option}"
    return f"--{option}={_value(option, value)}"


def _value(option: str, value: Any) -> str:
    if isinstance(value, list) and all(type(item) in (str, int) for item in value):
        return ",".join(map(str, value))
    if type(value) not in (str, int, float) or value == "":
        return "…"
    if option == "time" and isinstance(value, str) and (length := seconds(value)):
        return value if value.isdigit() else clock(length)
    size = re.fullmatch(r"([0-9]+) ?([KMGTkmgt])i?[bB]?", str(value))
    if option.startswith("mem") and size:
        return size[1] + size[2].upper()
    return str(value)
