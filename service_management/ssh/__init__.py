"""The way to a cluster: logins, connections, tunnels. Two backends: OpenSSH and paramiko."""
