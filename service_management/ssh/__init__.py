"""Logins, connections and tunnels to clusters, with two backends: OpenSSH and paramiko."""
