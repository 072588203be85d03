"""The OpenSSH backend: `ssh` processes that outlive this program."""
