"""How a job was submitted. Stored with the job, so that it can be watched and cancelled
with the credentials it was submitted with, also after the configuration has changed."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter

from service_management.config import Service
from service_management.lifecycle.replica import Job
from service_management.ssh.errors import ClusterError
from service_management.ssh.login import Login

FIRST_AUTO_PORT, AUTO_PORTS = 20000, 10000  # below Linux's ephemeral range


@dataclass(frozen=True)
class JobSpec:
    login: Login
    bash_file: str
    remote_port: int  # 0: each job gets one of its own
    sbatch_args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    verify: str = "listener"
    # About the connection, not the job: another number applies to the next job. 0: as many as the
    # load asks for.
    ssh_connections: int = field(default=1, compare=False)

    @classmethod
    def of(cls, service: Service, key_dir: Path) -> JobSpec:
        return cls(
            login=Login.from_service(service, key_dir),
            bash_file=service.bash_file,
            remote_port=0 if service.remote_port == "auto" else int(service.remote_port),
            sbatch_args=tuple(service.sbatch_args),
            env=tuple(sorted(service.env.items())),
            verify=service.verify,
            ssh_connections=0 if service.ssh_connections == "auto" else service.ssh_connections,
        )

    def choose_port(self) -> int:
        """A fresh port for every attempt, so that one that is taken is not tried again. Nothing
        that other users see tells it before the job runs."""
        return self.remote_port or FIRST_AUTO_PORT + secrets.randbelow(AUTO_PORTS)

    def choose_token(self) -> str:
        return secrets.token_urlsafe(24) if self.verify == "token" else ""

    def dump(self) -> str:
        return _SPEC.dump_json(self).decode()

    @classmethod
    def load(cls, text: str) -> JobSpec:
        return _SPEC.validate_json(text)


_SPEC = TypeAdapter(JobSpec)


@lru_cache(maxsize=4096)
def _load(text: str) -> JobSpec:
    return JobSpec.load(text)


def spec_of(job: Job) -> JobSpec:
    return _load(job.spec)


def has_readable_spec(job: Job) -> bool:
    """Another version, or another hand, may have written it."""
    try:
        return bool(spec_of(job))
    except (ValueError, ClusterError):
        return False
