"""The types of the keys: each a Python type with its rule, its JSON Schema and its checks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator

from . import day_times, hosts, job_options, paths, rules
from .config_problem import nearest, refusal
from .durations import seconds
from .rules import Rule

MONTH = 30 * 24 * 3600
MOST_CONNECTIONS = 8
MOST_REPLICAS = 64
PATH_PATTERN = r"^/([A-Za-z0-9._~@:+,=!/-]*/)?(\*|[A-Za-z0-9._~@:+,=!/-]*)$"
HEALTH_PATTERN = r"^[A-Za-z0-9._~@:+,=!/-]+(\?[A-Za-z0-9._~@:+,=!&/-]*)?$"


def _text(value: Any) -> str | None:
    """The string that was written without its quotes."""
    return str(value) if type(value) in (int, float) else None


def _whole(low: int, high: int) -> Rule:
    return Rule(f"must be a whole number from {low} to {high}")


def _seconds(low: str) -> Rule:
    rule = f"must be a number of seconds, {low} and at most {MONTH} (30 days)"
    return Rule(rule, lambda value: seconds(value) if isinstance(value, str) else None)


def _listed(value: Any) -> Any:
    """JSON's lists become tuples here, since strict tuples do not accept them."""
    if not isinstance(value, (list, tuple)):
        raise refusal("must be a list of strings", [value] if isinstance(value, str) else None)
    return tuple(value)


def entries(value: Any) -> Any:
    """Of `schedule`."""
    if not isinstance(value, (list, tuple)):
        raise refusal("must be a list of objects, each with from, to and min_replicas")
    return tuple(value)


def entry(value: Any) -> Any:
    if not isinstance(value, dict):
        raise refusal("must be an object with from, to and min_replicas")
    return value


def _filled(value: Any) -> Any:
    if not value:
        raise refusal('must name at least one path; the list ["/"] offers the whole service')
    return value


def _object(value: Any) -> Any:
    if not isinstance(value, dict):
        raise refusal('must be an object of names and string values, as in {"MODEL": "small"}')
    return value


def _one_of(*choices: str) -> Rule:
    quoted = " or ".join(f'"{choice}"' for choice in choices)
    return Rule(
        f"must be {quoted}",
        lambda value: nearest(value, choices) if isinstance(value, str) else None,
    )


String = Annotated[str, Rule("must be a string", _text)]
Name = Annotated[
    str,
    Field(min_length=1, max_length=100),
    Rule("must be a string of 1 to 100 characters", _text),
    AfterValidator(rules.single_line),
]
RouteName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,62}$"),
    Rule(
        "must be 1 to 63 letters, digits and . _ ~ -, beginning with a letter or a digit",
        rules.slug,
    ),
]
User = Annotated[
    str,
    Field(pattern=f"^{hosts.USER}$"),
    Rule("must be 1 to 64 letters, digits and _ . -, beginning with a letter or _", hosts.user_of),
]
Host = Annotated[String, AfterValidator(hosts.host)]
Jump = Annotated[String, AfterValidator(hosts.jump)]
File = Annotated[
    str,
    Field(pattern=rules.FILE_PATTERN),
    Rule(rules.FILE_RULE, _text),
    AfterValidator(rules.file_path),
]
Script = Annotated[
    String,
    AfterValidator(rules.script_path),
    Field(json_schema_extra={"pattern": "^[^-]"}),
]
Port = Annotated[int, Field(ge=1, le=65535), _whole(1, 65535)]
RemotePort = Annotated[
    Annotated[int, Field(ge=1, le=65535)] | Literal["auto"],
    BeforeValidator(rules.whole_or_auto(65535)),
]
Address = Annotated[String, AfterValidator(hosts.local_address)]
Seconds = Annotated[float, Field(gt=0, le=MONTH, allow_inf_nan=False), _seconds("more than 0")]
SecondsOrNone = Annotated[float, Field(ge=0, le=MONTH, allow_inf_nan=False), _seconds("0 or more")]
Replicas = Annotated[int, Field(ge=1, le=MOST_REPLICAS), _whole(1, MOST_REPLICAS)]
ReplicasOrNone = Annotated[int, Field(ge=0, le=MOST_REPLICAS), _whole(0, MOST_REPLICAS)]
Connections = Annotated[
    Annotated[int, Field(ge=1, le=MOST_CONNECTIONS)] | Literal["auto"],
    BeforeValidator(rules.whole_or_auto(MOST_CONNECTIONS)),
]
MostConnections = Annotated[int, Field(ge=1, le=MOST_CONNECTIONS), _whole(1, MOST_CONNECTIONS)]
Inflight = Annotated[int, Field(ge=1, le=100000), _whole(1, 100000)]
Days = Annotated[
    str,
    Field(pattern=day_times.DAYS_PATTERN),
    Rule('must be days of the week, as in "Mon-Fri" or "Mon,Wed-Fri"', day_times.near_days),
]
FromTime = Annotated[
    str,
    Field(pattern=day_times.FROM_PATTERN),
    Rule('must be a time of day from "00:00" to "23:59"', day_times.near_time),
]
ToTime = Annotated[
    str,
    Field(pattern=day_times.TO_PATTERN),
    Rule('must be a time of day from "00:00" to "24:00"', day_times.near_time),
]
TimeZone = Annotated[
    str,
    Field(pattern=day_times.ZONE_PATTERN),
    AfterValidator(day_times.time_zone),
    Rule('must be a name of the tz database, as in "Europe/Berlin"', day_times.near_zone),
]
Size = Annotated[
    int,
    BeforeValidator(
        rules.size,
        json_schema_input_type=Annotated[int, Field(ge=1, le=rules.MAX_BODY)]
        | Annotated[str, Field(pattern=r"^[0-9]{1,15} ?([kKmMgGtT]([iI]?[bB])?|[bB])$")],
    ),
]
ApiPath = Annotated[
    String,
    AfterValidator(paths.api_path),
    Field(json_schema_extra={"pattern": PATH_PATTERN}),
]
ApiPaths = Annotated[
    tuple[ApiPath, ...],
    Field(json_schema_extra={"minItems": 1}),
    BeforeValidator(_filled),
    BeforeValidator(_listed),
    AfterValidator(paths.no_duplicates),
]
HealthPath = Annotated[
    String,
    AfterValidator(paths.health_path),
    Field(json_schema_extra={"pattern": HEALTH_PATTERN}),
]
Switch = Annotated[
    bool,
    Rule(
        "must be true or false",
        lambda value: {"true": True, "false": False}.get(value) if isinstance(value, str) else None,
    ),
]
AccessLog = Annotated[Literal["notable", "full"], _one_of("notable", "full")]
Affinity = Annotated[
    Literal["none", "session", "user", "prefix"], _one_of("none", "session", "user", "prefix")
]
QuietPaths = Annotated[
    tuple[Annotated[String, AfterValidator(paths.quiet_path)], ...],
    BeforeValidator(_listed),
    AfterValidator(paths.no_duplicates),
]
SbatchArgs = Annotated[
    tuple[Annotated[String, AfterValidator(job_options.sbatch_arg)], ...],
    BeforeValidator(_listed),
    AfterValidator(job_options.sbatch_args),
    WrapValidator(job_options.one_option_an_entry),
]
Verify = Annotated[Literal["listener", "token", "none"], _one_of("listener", "token", "none")]
Env = Annotated[
    dict[
        Annotated[
            String,
            AfterValidator(job_options.env_name),
            Field(json_schema_extra={"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
        ],
        Annotated[String, AfterValidator(job_options.env_value)],
    ],
    BeforeValidator(_object),
    Field(json_schema_extra={"additionalProperties": False}),  # other names than the pattern's
]
