"""Slurm's commands: scripts that run on the login node, and parsers for what they print."""
