"""Slurm's commands: the scripts that run on the login node, and parsers for their output."""
