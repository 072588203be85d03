"""Moments held open: Slurm's commands and the test service wait where a test has closed a gate.

On the login host, a command of the same name comes before Slurm's own. It is on the PATH as
`~/.bashrc` makes it, so the product's own calls pass through it; everything behind it is real.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from demo.cluster import Cluster
from tests.stack.waiting import wait_for

_COMMAND = """\
#!/bin/bash
wait_at() {{
    for gate in "$HOME/gates/{tool}.$1"/*; do
        [[ -f $gate && " ${{*:2}} " == *"${{gate##*/}}"* ]] || continue
        echo $$ >>"$gate.reached"
        while [[ -f $gate ]]; do sleep 0.05; done
    done
}}
wait_at before "$@"
{real} "$@"
code=$?
wait_at after "$@"
exit $code
"""
_SERVICE = """\
#!/bin/sh
#SBATCH --output=%x-%j.out
while [ -f "$GATE" ]; do sleep 0.05; done
exec /bin/sh "$HOME/probe.sh" "$1"
"""
TOOLS, MOMENTS = ("sbatch", "scancel", "squeue"), ("before", "after")


class Gate:
    """Closed when made: each caller waits until it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def open(self) -> None:
        self.path.unlink(missing_ok=True)

    def wait_until_reached(self) -> None:
        wait_for(f"a caller waits at {self.path}", self._waiting, 20)

    def end_those_waiting(self) -> None:
        """They never get to what is behind the gate."""
        for pid in self._waiting():
            os.kill(pid, signal.SIGKILL)

    def _waiting(self) -> list[int]:
        reached = self.path.with_name(f"{self.path.name}.reached")
        return [int(pid) for pid in reached.read_text().split()] if reached.exists() else []


class Gates:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster, self._gates = cluster, cluster.home / "gates"
        for tool in TOOLS:
            self._put_before(tool)
        cluster.write_script("gated.sh", _SERVICE)
        (cluster.home / ".bashrc").write_text('PATH="$HOME/bin:$PATH"\n')
        (cluster.home / ".bashrc").chmod(0o644)

    def close(self, tool: str, moment: str, words: str) -> Gate:
        """For every call whose command line contains this text."""
        return Gate(self._gates / f"{tool}.{moment}" / words)

    def close_service(self, name: str) -> Gate:
        """For the script gated.sh with this gate's path as GATE: its job runs and does nothing."""
        return Gate(self._gates / name)

    def make_squeue_say_nothing(self) -> None:
        """As while slurmctld is still reading its state: success, and not a line."""
        self._cluster.write_script("bin/squeue", "#!/bin/sh\nexit 0\n")

    def remove(self) -> None:
        (self._cluster.home / ".bashrc").unlink(missing_ok=True)
        for gate in self._gates.rglob("*"):
            if gate.is_file():
                gate.unlink()

    def _put_before(self, tool: str) -> None:
        home, real = self._cluster.home, self._cluster.run(f"command -v {tool}").strip()
        for moment in MOMENTS:
            directory = self._gates / f"{tool}.{moment}"
            directory.mkdir(parents=True, exist_ok=True)
            os.chown(directory, self._cluster.spec.uid, -1)
        (home / "bin").mkdir(exist_ok=True)
        self._cluster.write_script(f"bin/{tool}", _COMMAND.format(tool=tool, real=real))
