"""The far side of SSH: logins, tunnels, Slurm commands and their parsers."""
