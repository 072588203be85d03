"""Bad paths, times, sizes, options and environments, and the message for each."""

from __future__ import annotations

import json
from typing import Any

PATH = "may have letters, digits and . _ ~ @ : + , = ! - / only"
QUERY = "may have a query of letters, digits and . _ ~ @ : + , = ! & - / only"
SEGMENTS = "must not have empty, . or .. segments"
STRING = "must be a string"
SECONDS = "must be a number of seconds, more than 0 and at most 2592000 (30 days)"
SECONDS_OR_NONE = "must be a number of seconds, 0 or more and at most 2592000 (30 days)"
NO_PATH = 'must name at least one path; the list ["/"] offers the whole service'
LIST = "must be a list of strings"
SLASH = "must begin with /"
LITERAL = "is matched literally: for a part that varies, end the path in /*"
NO_QUERY = "must be a path only, without ? or #"
STAR = "may have * only at the end, as /*"
REPLICAS = "must be a whole number from 1 to 64"
ONE_OPTION = "must have one option, or one value, per entry"
SBATCH = "unknown key; it is an option of sbatch, for sbatch_args"
JOB_NAME = "must not set --job-name: the orchestrator finds its jobs by it"
ARRAY = "must not set --array: each replica is a separate job"
CLUSTERS = "must not set --clusters: the login host (remote_host) chooses the cluster"
WAIT = "must not set --wait: the orchestrator follows the job itself"
WRAP = "must not set --wrap: bash_file is what is run"
PARSABLE = "must not set --parsable: the orchestrator sets it itself"
TEST_ONLY = "must not set --test-only: no job would be started"
GPU = "entry 1 is neither an option nor the value of one: sbatch would run it"
X = "entry 2 is neither an option nor the value of one: sbatch would run it"
STOPS = "must be an option or its value: sbatch stops reading options here"
PRINTABLE = "must be one line of printable characters"
OBJECT = 'must be an object of names and string values, as in {"MODEL": "small"}'
ENV_NAME = "must be a name of letters, digits and '_', not beginning with a digit"
ENV_OWN = "must not begin with SLURM_, SBATCH_ or ORCHESTRATOR_: these are reserved"
HALF = "must not have a lone surrogate: \\ud800 to \\udfff are half a character"
SIZE = "must be a whole number of bytes from 1 to 1 TiB, or one with a unit, as in 100MB or 1GiB"

ENTRIES = "must be a list of objects, each with from, to and min_replicas"
ENTRY = "must be an object with from, to and min_replicas"
SAME_TIME = 'must not be equal to from; a whole day is "00:00" to "24:00"'
DAYS = 'must be days of the week, as in "Mon-Fri" or "Mon,Wed-Fri"'
FROM = 'must be a time of day from "00:00" to "23:59"'
TO = 'must be a time of day from "00:00" to "24:00"'
ZONE = 'must be a name of the tz database, as in "Europe/Berlin"'
UNKNOWN = "unknown key"

ACCESS_LOG = 'must be "notable" or "full"'
AFFINITY = 'must be "none" or "session" or "user" or "prefix"'
VERIFY = 'must be "listener" or "token" or "none"'
OWN_TOKEN = 'must not be IO_JOB_TOKEN: verify "token" sets it'


def hours(**changes: Any) -> list[dict[str, Any]]:
    """A schedule with one entry; ...: without this key."""
    entry = {"days": "Mon-Fri", "from": "08:00", "to": "18:00", "min_replicas": 1, **changes}
    return [{key: value for key, value in entry.items() if value is not ...}]


def args(*options: str) -> str:
    return f'"sbatch_args": {json.dumps(options, ensure_ascii=False)}'


# key, value, key as reported, rule, nearest valid spelling
BAD_SETTINGS: list[tuple[str, Any, str, str, str]] = [
    ("check_health_path", "/a b", "check_health_path", PATH, ""),
    ("check_health_path", "/h?x=$(id)", "check_health_path", QUERY, ""),
    ("check_health_path", "/h/*", "check_health_path", "must be one path, without *", ""),
    ("check_health_path", "", "check_health_path", "must not be empty", ""),
    ("check_health_path", "/../x", "check_health_path", SEGMENTS, '"/x"'),
    ("check_health_path", 5, "check_health_path", STRING, '"5"'),
    ("timeout", "600", "timeout", SECONDS, "600"),
    ("timeout", 0, "timeout", SECONDS, ""),
    ("timeout", -1, "timeout", SECONDS, ""),
    ("timeout", True, "timeout", SECONDS, ""),
    ("timeout", float("nan"), "timeout", SECONDS, ""),
    ("timeout", float("inf"), "timeout", SECONDS, ""),
    ("timeout", 2592001, "timeout", SECONDS, ""),
    ("timeout", None, "timeout", SECONDS, ""),
    ("timeout", "10m", "timeout", SECONDS, "600"),
    ("timeout", "1h", "timeout", SECONDS, "3600"),
    ("timeout", "1h30m", "timeout", SECONDS, "5400"),
    ("timeout", "2 hours, 5 minutes", "timeout", SECONDS, "7500"),
    ("timeout", "90 s", "timeout", SECONDS, "90"),
    ("timeout", "1.5H", "timeout", SECONDS, "5400"),
    ("timeout", "500ms", "timeout", SECONDS, "0.5"),
    ("timeout", "00:10:00", "timeout", SECONDS, "600"),
    ("timeout", "5:30", "timeout", SECONDS, "330"),
    ("timeout", "31d", "timeout", SECONDS, ""),
    ("timeout", "10x", "timeout", SECONDS, ""),
    ("timeout", "m", "timeout", SECONDS, ""),
    ("timeout", "0s", "timeout", SECONDS, ""),
    ("hold_timeout", "0s", "hold_timeout", SECONDS_OR_NONE, "0"),
    ("timeout", 10**400, "timeout", SECONDS, ""),
    ("hold_timeout", -1, "hold_timeout", SECONDS_OR_NONE, ""),
    ("startup_timeout", 0, "startup_timeout", SECONDS, ""),
    ("queue_timeout", "1.5", "queue_timeout", SECONDS, "1.5"),
    ("request_timeout", [], "request_timeout", SECONDS, ""),
    ("api_paths", [], "api_paths", NO_PATH, ""),
    ("api_paths", "/predict", "api_paths", LIST, '["/predict"]'),
    ("api_paths", "/", "api_paths", LIST, '["/"]'),
    ("api_paths", ["predict"], "api_paths[0]", SLASH, '"/predict"'),
    ("api_paths", [""], "api_paths[0]", "must not be empty", ""),
    ("api_paths", [3], "api_paths[0]", STRING, '"3"'),
    ("api_paths", ["/items/{id}"], "api_paths[0]", LITERAL, '"/items/*"'),
    ("api_paths", ["/items/<id>/x"], "api_paths[0]", LITERAL, '"/items/*"'),
    ("api_paths", ["/a?b=1"], "api_paths[0]", NO_QUERY, '"/a"'),
    ("api_paths", ["/a#b"], "api_paths[0]", NO_QUERY, '"/a"'),
    ("api_paths", ["/a//b"], "api_paths[0]", SEGMENTS, '"/a/b"'),
    ("api_paths", ["/a/../b"], "api_paths[0]", SEGMENTS, '"/a/b"'),
    ("api_paths", ["/a/./b"], "api_paths[0]", SEGMENTS, '"/a/b"'),
    ("api_paths", ["/a*"], "api_paths[0]", STAR, '"/*"'),
    ("api_paths", ["/*/a"], "api_paths[0]", STAR, '"/*"'),
    ("api_paths", ["/a b"], "api_paths[0]", PATH, ""),
    ("api_paths", ["/%41"], "api_paths[0]", PATH, ""),
    ("api_paths", ["/a;b"], "api_paths[0]", PATH, ""),
    ("api_paths", ["/a$b"], "api_paths[0]", PATH, ""),
    ("api_paths", ["/a", "/b", "/a"], "api_paths", "names a path more than once: /a", ""),
    ("api_paths", {"/a": 1}, "api_paths", LIST, ""),
    ("api_paths", ["*"], "api_paths[0]", SLASH, '"/*"'),
    ("quiet_paths", "/metrics", "quiet_paths", LIST, '["/metrics"]'),
    ("quiet_paths", ["a", "/a"], "quiet_paths", "names a path more than once: /a", ""),
    ("quiet_paths", ["/m?x"], "quiet_paths[0]", NO_QUERY, '"/m"'),
    ("min_replicas", 2, "min_replicas", "must not be more than max_replicas, which is 1", "1"),
    ("min_replicas", -1, "min_replicas", "must be a whole number from 0 to 64", ""),
    ("max_replicas", 0, "max_replicas", REPLICAS, ""),
    ("max_replicas", 65, "max_replicas", REPLICAS, ""),
    ("max_replicas", 1.5, "max_replicas", REPLICAS, ""),
    ("target_inflight", 0, "target_inflight", "must be a whole number from 1 to 100000", ""),
    ("max_inflight", 0, "max_inflight", "must be a whole number from 1 to 100000", ""),
    ("max_replicas", "2", "max_replicas", REPLICAS, "2"),
    ("scale_down_delay", "10m", "scale_down_delay", SECONDS_OR_NONE, "600"),
    ("scale_down_delay", -1, "scale_down_delay", SECONDS_OR_NONE, ""),
    ("cooldown", 60, "cooldown", UNKNOWN, "scale_down_delay"),
    ("schedule", "Mon-Fri", "schedule", ENTRIES, ""),
    ("schedule", hours()[0], "schedule", ENTRIES, ""),
    ("schedule", None, "schedule", ENTRIES, ""),
    ("schedule", ["Mon-Fri"], "schedule[0]", ENTRY, ""),
    ("schedule", hours(days="mon-fri"), "schedule[0].days", DAYS, '"Mon-Fri"'),
    ("schedule", hours(days="Mo, We–Fr"), "schedule[0].days", DAYS, '"Mon,Wed-Fri"'),
    ("schedule", hours(days="Monday to Thursday"), "schedule[0].days", DAYS, '"Mon-Thu"'),
    ("schedule", hours(days="Weekdays"), "schedule[0].days", DAYS, '"Mon-Fri"'),
    ("schedule", hours(days=["Sat", "Sun"]), "schedule[0].days", DAYS, '"Sat,Sun"'),
    ("schedule", hours(days="Mon-Fri-Sun"), "schedule[0].days", DAYS, ""),
    ("schedule", hours(days="S"), "schedule[0].days", DAYS, ""),
    ("schedule", hours(days=1), "schedule[0].days", DAYS, ""),
    ("schedule", hours(**{"from": "8:00"}), "schedule[0].from", FROM, '"08:00"'),
    ("schedule", hours(**{"from": 8}), "schedule[0].from", FROM, '"08:00"'),
    ("schedule", hours(**{"from": "24:00"}), "schedule[0].from", FROM, ""),
    ("schedule", hours(to="6 pm"), "schedule[0].to", TO, '"18:00"'),
    ("schedule", hours(to="1830"), "schedule[0].to", TO, '"18:30"'),
    ("schedule", hours(to="18:00:00"), "schedule[0].to", TO, '"18:00"'),
    ("schedule", hours(to="25:00"), "schedule[0].to", TO, ""),
    ("schedule", hours(to="noon"), "schedule[0].to", TO, ""),
    ("schedule", hours(to="08:00"), "schedule[0].to", SAME_TIME, ""),
    ("schedule", hours(to=...), "schedule[0].to", "must be given", ""),
    ("schedule", hours(until="18:00"), "schedule[0].until", UNKNOWN, "to"),
    ("schedule", hours(time_zone="UTC"), "schedule[0].time_zone", UNKNOWN, "timezone"),
    ("schedule", hours(min_replica=1), "schedule[0].min_replica", UNKNOWN, "min_replicas"),
    ("schedule", hours(min_replicas=0), "schedule[0].min_replicas", REPLICAS, ""),
    ("schedule", hours() + hours(min_replicas=2), "schedule[1].min_replicas",
     "must not be more than max_replicas, which is 1", "1"),
    ("schedule", hours(timezone="Berlin"), "schedule[0].timezone", ZONE, '"Europe/Berlin"'),
    ("schedule", hours(timezone="new york"), "schedule[0].timezone", ZONE, '"America/New_York"'),
    ("schedule", hours(timezone="Europe/Berlim"), "schedule[0].timezone", ZONE,
     '"Europe/Berlin"'),
    ("schedule", hours(timezone="Europe"), "schedule[0].timezone", ZONE, ""),
    ("schedule", hours(timezone="../etc/passwd"), "schedule[0].timezone", ZONE, ""),
    ("schedule", hours(timezone=1), "schedule[0].timezone", ZONE, ""),
    ("sbatch_args", "--gres=gpu:1", "sbatch_args", LIST, '["--gres=gpu:1"]'),
    ("sbatch_args", [1], "sbatch_args[0]", STRING, '"1"'),
    ("sbatch_args", "--partition=gpu --gres=gpu:1", "sbatch_args", LIST,
     '["--partition=gpu", "--gres=gpu:1"]'),
    ("sbatch_args", "-p gpu --comment='a b'", "sbatch_args", LIST,
     '["-p", "gpu", "--comment=a b"]'),
    ("sbatch_args", "--comment='a b", "sbatch_args", LIST + "; " + X, ""),
    ("sbatch_args", "-J x --gres=gpu:1", "sbatch_args", LIST + "; " + JOB_NAME, ""),
    ("sbatch_args", "gpu", "sbatch_args", LIST + "; " + GPU, ""),
    ("sbatch_args", "", "sbatch_args", LIST, "[]"),
    ("sbatch_args", ["--gres gpu:1"], "sbatch_args", ONE_OPTION, '["--gres=gpu:1"]'),
    ("sbatch_args", ["-p gpu"], "sbatch_args", ONE_OPTION, '["-pgpu"]'),
    ("sbatch_args", ["--mem=1G", "--partition=gpu --gres=gpu:1"], "sbatch_args", ONE_OPTION,
     '["--mem=1G", "--partition=gpu", "--gres=gpu:1"]'),
    ("sbatch_args", ["--gres=gpu:1 -p gpu"], "sbatch_args", ONE_OPTION,
     '["--gres=gpu:1", "-p", "gpu"]'),
    ("sbatch_args", ["-H -p gpu"], "sbatch_args", ONE_OPTION, '["-H", "-p", "gpu"]'),
    ("sbatch_args", ["-p gpu", 1], "sbatch_args", ONE_OPTION + "; " + STRING, ""),
    ("sbatch_args", ["--mem=1G --wrap=id"], "sbatch_args", ONE_OPTION + "; " + WRAP, ""),
    ("partition", "gpu", "partition", SBATCH, args("--partition=gpu")),
    ("gpus", 2, "gpus", SBATCH, args("--gpus=2")),
    ("GPU", "a100:1", "GPU", SBATCH, args("--gpus=a100:1")),
    ("cpus", 4, "cpus", SBATCH, args("--cpus-per-task=4")),
    ("cpus_per_task", 4, "cpus_per_task", SBATCH, args("--cpus-per-task=4")),
    ("mem", "16G", "mem", SBATCH, args("--mem=16G")),
    ("memory", "16 GB", "memory", SBATCH, args("--mem=16G")),
    ("mem-per-cpu", "4gib", "mem-per-cpu", SBATCH, args("--mem-per-cpu=4G")),
    ("time", "08:00:00", "time", SBATCH, args("--time=08:00:00")),
    ("time", 60, "time", SBATCH, args("--time=60")),
    ("walltime", "2h", "walltime", SBATCH, args("--time=02:00:00")),
    ("time_limit", "1d", "time_limit", SBATCH, args("--time=24:00:00")),
    ("account", "ml", "account", SBATCH, args("--account=ml")),
    ("gres", "gpu:1", "gres", SBATCH, args("--gres=gpu:1")),
    ("nodes", 1, "nodes", SBATCH, args("--nodes=1")),
    ("qos", "high", "qos", SBATCH, args("--qos=high")),
    ("constraint", "a100", "constraint", SBATCH, args("--constraint=a100")),
    ("nodelist", ["n1", "n2"], "nodelist", SBATCH, args("--nodelist=n1,n2")),
    ("exclusive", True, "exclusive", SBATCH, args("--exclusive")),
    ("gpus", {"a": 1}, "gpus", SBATCH, args("--gpus=…")),
    ("partition", "", "partition", SBATCH, args("--partition=…")),
    ("sbatch_args", ["--job-name=x"], "sbatch_args[0]", JOB_NAME, ""),
    ("sbatch_args", ["--job-na", "x"], "sbatch_args[0]", JOB_NAME, ""),
    ("sbatch_args", ["-Jx"], "sbatch_args[0]", JOB_NAME, ""),
    ("sbatch_args", ["-HJ", "x"], "sbatch_args[0]", JOB_NAME, ""),
    ("sbatch_args", ["--array=1-3"], "sbatch_args[0]", ARRAY, ""),
    ("sbatch_args", ["-M", "other"], "sbatch_args[0]", CLUSTERS, ""),
    ("sbatch_args", ["-W"], "sbatch_args[0]", WAIT, ""),
    ("sbatch_args", ["--wrap=id"], "sbatch_args[0]", WRAP, ""),
    ("sbatch_args", ["--parsable"], "sbatch_args[0]", PARSABLE, ""),
    ("sbatch_args", ["--test-only"], "sbatch_args[0]", TEST_ONLY, ""),
    ("sbatch_args", ["-h"], "sbatch_args[0]", "must not set --help: no job would be started", ""),
    ("sbatch_args", ["gpu"], "sbatch_args", GPU, ""),
    ("sbatch_args", ["--mem=1G", "x"], "sbatch_args", X, ""),
    ("sbatch_args", ["--"], "sbatch_args[0]", STOPS, ""),
    ("sbatch_args", ["--comment=a\nb"], "sbatch_args[0]", PRINTABLE, ""),
    ("env", ["A=1"], "env", OBJECT, ""),
    ("env", {"A": 1}, "env.A", STRING, ""),
    ("env", {"1A": "x"}, "env.1A", ENV_NAME, ""),
    ("env", {"A-B": "x"}, "env.A-B", ENV_NAME, '"A_B"'),
    ("env", {"SLURM_CONF": "x"}, "env.SLURM_CONF", ENV_OWN, ""),
    ("env", {"SBATCH_WAIT": "1"}, "env.SBATCH_WAIT", ENV_OWN, ""),
    ("env", {"ORCHESTRATOR_X": "x"}, "env.ORCHESTRATOR_X", ENV_OWN, ""),
    ("env", {"A": "a\x00b"}, "env.A", "must not have a NUL character", ""),
    ("env", {"A": "a\ud800"}, "env.A", HALF, ""),
    ("env", {"A": None}, "env.A", STRING, ""),
    ("env", {"": "x"}, "env.", ENV_NAME, ""),
    ("keepalive", "no", "keepalive", "must be true or false", ""),
    ("keepalive", 0, "keepalive", "must be true or false", ""),
    ("verify", "tokn", "verify", VERIFY, '"token"'),
    ("verify", True, "verify", VERIFY, ""),
    ("env", {"IO_JOB_TOKEN": "x"}, "env.IO_JOB_TOKEN", OWN_TOKEN, ""),
    ("affinity", "sesion", "affinity", AFFINITY, '"session"'),
    ("affinity", None, "affinity", AFFINITY, ""),
    ("access_log", "Ful", "access_log", ACCESS_LOG, '"full"'),
    ("access_log", "off", "access_log", ACCESS_LOG, ""),
    ("access_log", True, "access_log", ACCESS_LOG, ""),
    ("access_log", None, "access_log", ACCESS_LOG, ""),
    ("max_body", 0, "max_body", SIZE, ""),
    ("max_body", "1000", "max_body", SIZE, "1000"),
    ("max_body", "100 megs", "max_body", SIZE, ""),
    ("max_body", "100mb!", "max_body", SIZE, ""),
    ("max_body", True, "max_body", SIZE, ""),
    ("max_body", "2TiB", "max_body", SIZE, ""),
    ("max_body", "1.5GB", "max_body", SIZE, ""),
    ("max_body", None, "max_body", SIZE, ""),
    ("max_body", "10XB", "max_body", SIZE, ""),
]  # fmt: skip
