"""Bad names, keys, hosts, ports and files, and the message for each."""

from __future__ import annotations

from typing import Any

NAME = "must be a string of 1 to 100 characters"
ONE_LINE = "must be one line of printable characters, and not empty"
USER = "must be 1 to 64 letters, digits and _ . -, beginning with a letter or _"
HOST = "must be a host name (letters, digits, '-', '_' and '.') or an IP address"
USER_GOES = "; the user goes into ssh_username"
PORT_GOES = "; the port goes into ssh_port"
HTTP_PORT_GOES = "; the port goes into remote_port"
REMOTE_PORT = 'must be a whole number from 1 to 65535, or "auto"'
ADDRESS = "must be an IP address of this machine, or localhost"
LOCAL_PORT = "; the port goes into local_port"
PORT = "must be a whole number from 1 to 65535"
CONNECTIONS = 'must be a whole number from 1 to 8, or "auto"'
DASH_SBATCH = "must not begin with '-': sbatch would take it for an option"
STRING = "must be a string"
ROUTE = "must be 1 to 63 letters, digits and . _ ~ -, beginning with a letter or a digit"
RESERVED = (
    "must not be one of the gateway's own paths: "
    "admin, favicon.ico, healthz, info, metrics, robots.txt, static"
)
JUMP = "must be a comma-separated list of [user@]host[:port], an IPv6 address in brackets"
FILE = (
    "must be a path without control characters, quotes "
    "or any of ` $ % \\ ; & | < > ( ) { } [ ] * ? ! #"
)
DASH_SSH = "must not begin with '-': ssh would take it for an option"

# key, value, key as reported, rule, nearest valid spelling
BAD_LOGINS: list[tuple[str, Any, str, str, str]] = [
    ("tiemout", 30, "tiemout", "unknown key", "timeout"),
    ("Timeout", 3, "Timeout", "unknown key", "timeout"),
    ("sbatch_arg", [], "sbatch_arg", "unknown key", "sbatch_args"),
    ("local-port", 3, "local-port", "unknown key", "local_port"),
    ("port", 1, "port", "unknown key", "ssh_port"),
    ("host", "x", "host", "unknown key", "remote_host"),
    ("hostname", "x", "hostname", "unknown key", "remote_host"),
    ("user", "x", "user", "unknown key", "ssh_username"),
    ("identity_file", "x", "identity_file", "unknown key", "ssh_key_file"),
    ("script", "x", "script", "unknown key", "bash_file"),
    ("route", "x", "route", "unknown key", "route_name"),
    ("idle_timeout", 1, "idle_timeout", "unknown key", "timeout"),
    ("replicas", 1, "replicas", "unknown key", "max_replicas"),
    ("sticky", "user", "sticky", "unknown key", "affinity"),
    ("health", "/h", "health", "unknown key", "check_health_path"),
    ("healthcheck", "/h", "healthcheck", "unknown key", "check_health_path"),
    ("health_path", "/h", "health_path", "unknown key", "check_health_path"),
    ("HealthCheck", "/h", "HealthCheck", "unknown key", "check_health_path"),
    ("environment", {}, "environment", "unknown key", "env"),
    ("paths", ["/"], "paths", "unknown key", "api_paths"),
    ("SSH_KEY", "x", "SSH_KEY", "unknown key", "ssh_key_file"),
    ("zzz", 1, "zzz", "unknown key", ""),
    ("a\nb", 1, "a\\u000ab", "unknown key", ""),
    ("name", "", "name", NAME, ""),
    ("name", 7, "name", NAME, '"7"'),
    ("name", "a\nb", "name", ONE_LINE, ""),
    ("name", "x" * 101, "name", NAME, ""),
    ("name", None, "name", NAME, ""),
    ("ssh_username", "-oProxyCommand=id", "ssh_username", USER, ""),
    ("ssh_username", "jo;id", "ssh_username", USER, ""),
    ("ssh_username", "", "ssh_username", USER, ""),
    ("ssh_username", 1000, "ssh_username", USER, ""),
    ("remote_host", "-oProxyCommand=id", "remote_host", HOST, ""),
    ("remote_host", "jo@login", "remote_host", HOST + USER_GOES, '"login"'),
    ("remote_host", "login:22", "remote_host", HOST + PORT_GOES, '"login"'),
    ("remote_host", "ssh://login:22", "remote_host", HOST + PORT_GOES, '"login"'),
    ("remote_host", "SSH://login", "remote_host", HOST, '"login"'),
    ("remote_host", "ssh jo@login", "remote_host", HOST + USER_GOES, '"login"'),
    ("remote_host", "ssh://jo@[::1]:22/", "remote_host", HOST + USER_GOES + PORT_GOES, '"::1"'),
    ("remote_host", "http://login.org/x", "remote_host", HOST, '"login.org"'),
    ("remote_host", "https://login:8080", "remote_host", HOST + HTTP_PORT_GOES, '"login"'),
    ("remote_host", "jo@login:/home/jo", "remote_host", HOST + USER_GOES, '"login"'),
    ("remote_host", "ssh://$(id)", "remote_host", HOST, ""),
    ("ssh_username", "jo@login", "ssh_username", USER, '"jo"'),
    ("remote_host", "a b", "remote_host", HOST, ""),
    ("remote_host", "10.0.0.256", "remote_host", HOST, ""),
    ("remote_host", "fe80::1%eth0", "remote_host", HOST, ""),
    ("remote_host", "[::1]", "remote_host", HOST, '"::1"'),
    ("remote_host", "", "remote_host", HOST, ""),
    ("remote_host", "$(id)", "remote_host", HOST, ""),
    ("remote_port", "8080", "remote_port", REMOTE_PORT, "8080"),
    ("remote_port", 0, "remote_port", REMOTE_PORT, ""),
    ("remote_port", 65536, "remote_port", REMOTE_PORT, ""),
    ("remote_port", "Auto", "remote_port", REMOTE_PORT, '"auto"'),
    ("remote_port", "atuo", "remote_port", REMOTE_PORT, '"auto"'),
    ("remote_port", True, "remote_port", REMOTE_PORT, ""),
    ("remote_port", 80.5, "remote_port", REMOTE_PORT, ""),
    ("remote_port", None, "remote_port", REMOTE_PORT, ""),
    ("remote_port", "99999", "remote_port", REMOTE_PORT, ""),
    ("local_host", "gateway", "local_host", ADDRESS, ""),
    ("local_host", "loclahost", "local_host", ADDRESS, '"localhost"'),
    ("local_host", "[::1]", "local_host", ADDRESS, '"::1"'),
    ("local_host", "http://127.0.0.1:80/", "local_host", ADDRESS + LOCAL_PORT, '"127.0.0.1"'),
    ("local_host", "localhost:9001", "local_host", ADDRESS + LOCAL_PORT, '"localhost"'),
    ("local_port", "9001", "local_port", PORT, "9001"),
    ("local_port", 70000, "local_port", PORT, ""),
    ("local_port", True, "local_port", PORT, ""),
    ("bash_file", "", "bash_file", ONE_LINE, ""),
    ("bash_file", "-run.sh", "bash_file", DASH_SBATCH, '"./-run.sh"'),
    ("bash_file", "a\nb", "bash_file", ONE_LINE, ""),
    ("bash_file", ["run.sh"], "bash_file", STRING, ""),
    ("route_name", "", "route_name", ROUTE, ""),
    ("route_name", "my model", "route_name", ROUTE, '"my-model"'),
    ("route_name", "a/b", "route_name", ROUTE, '"a-b"'),
    ("route_name", "-x", "route_name", ROUTE, '"x"'),
    ("route_name", "..", "route_name", ROUTE, ""),
    ("route_name", "ünï", "route_name", ROUTE, '"uni"'),
    ("route_name", "x" * 64, "route_name", ROUTE, '"' + "x" * 63 + '"'),
    ("route_name", "a;b{", "route_name", ROUTE, '"a-b"'),
    ("route_name", "info", "route_name", RESERVED, '"info-service"'),
    ("route_name", "favicon.ico", "route_name", RESERVED, '"favicon.ico-service"'),
    ("route_name", 3, "route_name", ROUTE, ""),
    ("ssh_port", "22", "ssh_port", PORT, "22"),
    ("ssh_port", 0, "ssh_port", PORT, ""),
    ("ssh_connections", 0, "ssh_connections", CONNECTIONS, ""),
    ("ssh_connections", 9, "ssh_connections", CONNECTIONS, ""),
    ("ssh_connections", "2", "ssh_connections", CONNECTIONS, "2"),
    ("ssh_connections", "Auto", "ssh_connections", CONNECTIONS, '"auto"'),
    ("max_ssh_connections", 9, "max_ssh_connections", "must be a whole number from 1 to 8", ""),
    ("proxy_jump", "a, b", "proxy_jump", JUMP, '"a,b"'),
    ("proxy_jump", "ssh://jo@gate:22/", "proxy_jump", JUMP, '"jo@gate:22"'),
    ("proxy_jump", "-oX", "proxy_jump", JUMP, ""),
    ("proxy_jump", "jo@gate:99999", "proxy_jump", JUMP, ""),
    ("proxy_jump", "", "proxy_jump", JUMP, ""),
    ("proxy_jump", "::1", "proxy_jump", JUMP, ""),
    ("ssh_key_file", 7, "ssh_key_file", FILE, '"7"'),
    ("ssh_key_file", "a;b", "ssh_key_file", FILE, ""),
    ("ssh_key_file", "a%h", "ssh_key_file", FILE, ""),
    ("known_hosts_file", "a\u2028b", "known_hosts_file", FILE, ""),
    ("ssh_key_file", "../id", "ssh_key_file", "must not have .. segments", ""),
    ("ssh_key_file", "-i", "ssh_key_file", DASH_SSH, '"./-i"'),
    ("ssh_key_file", "id$HOME", "ssh_key_file", FILE, ""),
    ("ssh_key_file", "id\nx", "ssh_key_file", FILE, ""),
    ("ssh_key_file", "", "ssh_key_file", FILE, ""),
    ("known_hosts_file", "a'b", "known_hosts_file", FILE, ""),
]  # fmt: skip
