"""The demo cluster: a real Slurm behind a real sshd, and example services for it."""

from demo.catalogue import config
from demo.cluster import Cluster, down, up
from demo.spec import DemoError

__all__ = ["Cluster", "DemoError", "config", "down", "up"]
