"""The frozen shape of services_config.json (see docs/configuration.md)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from . import fields as f
from .config_problem import refusal
from .day_times import minutes, weekdays

# What an edit needs: a new job, a new configuration of nginx, or neither. Tests of documentation
# and edits read these; controller/job_spec.py and gateway/service_view.py decide.
LOGIN_FIELDS = (
    "ssh_username",
    "ssh_key_file",
    "remote_host",
    "ssh_port",
    "proxy_jump",
    "known_hosts_file",
)
JOB_FIELDS = (*LOGIN_FIELDS, "remote_port", "bash_file", "sbatch_args", "env", "verify")
ROUTE_FIELDS = (
    "name",
    "route_name",
    "api_paths",
    "local_host",
    "local_port",
    "check_health_path",
    "quiet_paths",
    "hold_timeout",
    "request_timeout",
    "max_body",
    "max_replicas",
    "affinity",
    "max_inflight",
    "ssh_connections",
    "access_log",
    "keepalive",
)


_STRICT = ConfigDict(
    frozen=True, extra="forbid", strict=True, validate_default=True, serialize_by_alias=True
)


class ScheduleEntry(BaseModel):
    """Hours of the week in which a service has replicas without demand."""

    model_config = _STRICT

    days: f.Days = Field(
        default="Mon-Sun",
        description="Days on which the hours begin.",
        examples=["Mon-Fri", "Mon,Wed-Fri"],
    )
    begin: f.FromTime = Field(
        alias="from", description="Time of day at which they begin.", examples=["08:00"]
    )
    end: f.ToTime = Field(
        alias="to",
        description="Time of day at which they end; on the next day if it is not after from.",
        examples=["18:00", "24:00"],
    )
    min_replicas: f.Replicas = Field(
        description="min_replicas in these hours, if it is not larger anyway.", examples=[1]
    )
    timezone: f.TimeZone | None = Field(
        default=None,
        description="Time zone of from and to; null: that of the gateway.",
        examples=["Europe/Berlin"],
    )

    @field_validator("end")
    @classmethod
    def _differs(cls, end: str, info: ValidationInfo) -> str:
        if end == info.data.get("begin"):
            raise refusal('must not be equal to from; a whole day is "00:00" to "24:00"')
        return end

    @property
    def weekdays(self) -> frozenset[int]:
        return weekdays(self.days)

    @property
    def minutes(self) -> tuple[int, int]:
        """Of begin and end, since midnight."""
        return minutes(self.begin), minutes(self.end)

    def __str__(self) -> str:
        zone = f", {self.timezone}" if self.timezone else ""
        return f"{self.days} {self.begin} to {self.end}{zone}"


class Service(BaseModel):
    """One entry of "Services", checked, with every default filled in."""

    model_config = _STRICT

    name: f.Name = Field(description="Shown to people.", examples=["Digits classifier"])
    ssh_username: f.User = Field(
        description="User to log in as on the login node.", examples=["jo"]
    )
    ssh_key_file: f.File = Field(
        description="Private key to log in with; a relative path is one in the key directory.",
        examples=["id_cluster"],
    )
    remote_host: f.Host = Field(
        description="Login node of the cluster.", examples=["login.cluster.example.org"]
    )
    remote_port: f.RemotePort = Field(
        description="Port the service listens on; also the first argument of bash_file. "
        '"auto": the orchestrator gives one per replica.',
        examples=[8080, "auto"],
    )
    bash_file: f.Script = Field(
        description="Batch script on the cluster that starts the service: "
        "sbatch … <bash_file> <port>.",
        examples=["/home/jo/digits/run_model.sh"],
    )
    check_health_path: f.HealthPath = Field(
        description="GET path that answers 2xx once the service is ready, "
        "with or without a leading slash.",
        examples=["/health"],
    )
    timeout: f.Seconds = Field(
        description="Idle seconds after which the job is cancelled.", examples=[600]
    )
    route_name: f.RouteName = Field(
        description="First path segment at the gateway.", examples=["digits"]
    )
    api_paths: f.ApiPaths = Field(
        description='The service\'s paths: an exact allow-list. The list ["/"] means the whole '
        "service; an entry ending in /* means everything below.",
        examples=[["/predict", "/items/*"]],
    )
    local_host: f.Address | None = Field(
        default=None,
        description="With local_port: address on the gateway where the service is also reachable.",
        examples=["127.0.0.1"],
    )
    local_port: f.Port | None = Field(
        default=None,
        description="With local_host: port on the gateway where the service is also reachable.",
        examples=[9001],
    )
    hold_timeout: f.SecondsOrNone = Field(
        default=120,
        description="Seconds a cold request is held; 0: refuse at once.",
        examples=[120],
    )
    startup_timeout: f.Seconds = Field(
        default=1800, description="Seconds from job start to healthy.", examples=[1800]
    )
    queue_timeout: f.Seconds = Field(
        default=3600,
        description="A job still pending this many seconds after the last demand is cancelled.",
        examples=[3600],
    )
    min_replicas: f.ReplicasOrNone = Field(
        default=0, description="Replicas kept running without demand.", examples=[0]
    )
    max_replicas: f.Replicas = Field(
        default=1, description="Most replicas at any time.", examples=[1]
    )
    target_inflight: f.Inflight = Field(
        default=8, description="Requests in flight per replica to scale for.", examples=[8]
    )
    max_inflight: f.Inflight | None = Field(
        default=None,
        description="The most requests that a replica gets at one time; further ones wait in a "
        "queue. Without it there is no limit.",
        examples=[4],
    )
    affinity: f.Affinity = Field(
        default="none",
        description="What keeps requests on one replica: the X-Session-ID header or a cookie "
        '("session"), "user" of a JSON body ("user"), prompt_cache_key or the beginning of the '
        'prompt ("prefix"). "none": the least busy replica is chosen.',
        examples=["session"],
    )
    scale_down_delay: f.SecondsOrNone | None = Field(
        default=None,
        description="Seconds for which fewer replicas must have been enough before one is given "
        "up; null: timeout.",
        examples=[600],
    )
    schedule: Annotated[
        tuple[Annotated[ScheduleEntry, BeforeValidator(f.entry)], ...], BeforeValidator(f.entries)
    ] = Field(
        default=(),
        description="Hours of the week with a larger min_replicas; of several the largest counts.",
        examples=[
            [
                {
                    "days": "Mon-Fri",
                    "from": "08:00",
                    "to": "18:00",
                    "min_replicas": 1,
                    "timezone": "Europe/Berlin",
                }
            ]
        ],
    )
    sbatch_args: f.SbatchArgs = Field(
        default=(),
        description="Further sbatch options, one option or value per entry.",
        examples=[["--partition=gpu", "--gres=gpu:1"]],
    )
    env: f.Env = Field(
        default={}, description="Environment of the job.", examples=[{"MODEL": "small"}]
    )
    verify: f.Verify = Field(
        default="listener",
        description="How it is shown, before requests are sent there, that the service's port is "
        'the job\'s: "listener": no other user listens on it, where the site allows srun; "token": '
        'the health answer contains the job\'s IO_JOB_TOKEN; "none": not at all.',
        examples=["token"],
    )
    ssh_port: f.Port = Field(default=22, description="SSH port of remote_host.", examples=[22])
    ssh_connections: f.Connections = Field(
        default="auto",
        description="SSH connections to the login node. A number: requests are spread over so "
        'many. "auto": one, and further ones while many requests are in flight.',
        examples=[2],
    )
    max_ssh_connections: f.MostConnections = Field(
        default=8,
        description='The most SSH connections to the login node that "auto" opens.',
        examples=[4],
    )
    proxy_jump: f.Jump | None = Field(
        default=None,
        description="Hosts to jump through on the way: [user@]host[:port], separated by commas.",
        examples=["jo@gate.example.org:2222"],
    )
    known_hosts_file: f.File | None = Field(
        default=None,
        description="Pins the host keys: only those in this file are accepted. "
        "Without it the key of the first contact is recorded.",
        examples=["known_hosts_cluster"],
    )
    request_timeout: f.Seconds = Field(
        default=600,
        description="Longest silence of the service, in seconds, while it answers.",
        examples=[600],
    )
    max_body: f.Size = Field(
        default=100 * 1000 * 1000,
        description="Largest request body: bytes, or a number with a unit.",
        examples=["100MB", "1GiB"],
    )
    quiet_paths: f.QuietPaths | None = Field(
        default=None,
        description="Paths that are served but neither start the service nor keep it alive; "
        "by default the health path and /metrics.",
        examples=[["/health", "/metrics"]],
    )
    access_log: f.AccessLog = Field(
        default="notable",
        description="Which requests have a line in access.log: those worth a look (errors, cold "
        "starts, a second or longer, an X-Request-ID from the client), or every one.",
        examples=["full"],
    )

    keepalive: f.Switch = Field(
        default=True,
        description="Whether one connection to the service carries several requests. false for a "
        "service that closes connections without announcing it.",
        examples=[False],
    )

    @property
    def effective_scale_down_delay(self) -> float:
        return self.timeout if self.scale_down_delay is None else self.scale_down_delay

    @property
    def effective_quiet_paths(self) -> tuple[str, ...]:
        if self.quiet_paths is not None:
            return self.quiet_paths
        return tuple(dict.fromkeys((self.check_health_path.partition("?")[0], "/metrics")))

    @property
    def started_by_requests(self) -> bool:
        """Some path starts it. A quiet path takes the place of an equal one in api_paths."""
        served = ("/*",) if self.whole_service else self.api_paths
        return any(path not in self.effective_quiet_paths for path in served)

    @property
    def whole_service(self) -> bool:
        """Every path is served, not a list of them."""
        return self.api_paths == ("/",) or "/*" in self.api_paths
