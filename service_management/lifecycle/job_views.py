"""What Slurm said about one job. Values only: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class JobPhase(Enum):
    """Slurm's two dozen job states, as far as a decision needs to tell them apart."""

    WAITING = "waiting"  # in the queue, or put back into it, or suspended
    RUNNING = "running"
    ENDING = "ending"  # COMPLETING: its processes are being cleaned up
    ENDED = "ended"
    UNKNOWN = "unknown"  # a state this program does not know: changes nothing


@dataclass(frozen=True)
class JobView:
    """One job, from one line of squeue."""

    job_id: str
    name: str
    state: str  # Slurm's own word
    phase: JobPhase
    reason: str = ""  # Slurm's own word: "Resources", "Priority", ...
    node: str = ""  # the first node, empty while pending
    estimated_start: float | None = None  # unix time; for a running job, when it started
    end_time: float | None = None  # unix time of its walltime's end
    draining: bool | None = None  # its node takes no new jobs; None: not asked


@dataclass(frozen=True)
class JobEnd:
    """A job that is over, and all that is known of the reason."""

    job_id: str
    state: str  # Slurm's own word; "UNKNOWN" where Slurm no longer remembers the job
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    node: str = ""
    output: tuple[str, ...] = ()  # the last lines it wrote, where they could be read
    output_file: str = ""
    error_file: str = ""  # where stderr has a file of its own
    backgrounded: bool = False  # its batch script starts something with & and does not wait

    @property
    def in_order(self) -> bool:
        """Nothing went wrong, as far as Slurm can tell: the batch script ran to its end."""
        return self.state == "COMPLETED" and self.exit_code == 0
