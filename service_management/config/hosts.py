"""Rules for users, hosts and addresses. A URL, or `user@host:port`, gets its host as suggestion."""

from __future__ import annotations

import re
from ipaddress import ip_address

from .config_problem import nearest, refusal

USER = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"
LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOSTNAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
HOP = re.compile(
    rf"(?:{USER}@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:\[\]]+)(?::(?P<port>[0-9]{{1,5}}))?"
)
# Whatever names a host somehow: ssh://jo@login:22/, `ssh jo@login`, http://login:8080/x, login:22
LOCATION = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://|ssh +)?(?:(?P<user>[^@/]*)@)?"
    r"(?P<host>\[[^\]]*\]|[^:/@\[\]]+)(?P<port>:[0-9]+)?(?::?/.*)?"
)

HOST_RULE = "must be a host name (letters, digits, '-', '_' and '.') or an IP address"
HOP_RULE = "must be a comma-separated list of [user@]host[:port], an IPv6 address in brackets"
ADDRESS_RULE = "must be an IP address of this machine, or localhost"


def is_host(text: str) -> bool:
    if _is_ip(text):
        return True
    named = len(text) <= 253 and HOSTNAME.fullmatch(text) is not None
    return named and not text.rpartition(".")[2].isdigit()  # 10.0.0.256 is no host name either


def host(text: str) -> str:
    if is_host(text):
        return text
    found = LOCATION.fullmatch(text.strip())
    bare = found["host"].strip("[]") if found else ""
    if not found or not is_host(bare):
        raise refusal(HOST_RULE)
    of_http = (found["scheme"] or "").lower().startswith("http")
    places = [
        *(["the user goes into ssh_username"] if found["user"] else []),
        *(
            [f"the port goes into {'remote_port' if of_http else 'ssh_port'}"]
            if found["port"]
            else []
        ),
    ]
    raise refusal("; ".join([HOST_RULE, *places]), bare)


def user_of(text: object) -> str | None:
    """The user in `jo@login`."""
    return text.partition("@")[0] if isinstance(text, str) and "@" in text else None


def jump(text: str) -> str:
    if not all(_is_hop(hop) for hop in text.split(",")):
        hops = [hop.strip().removeprefix("ssh://").rstrip("/") for hop in text.split(",")]
        raise refusal(HOP_RULE, ",".join(hops) if all(map(_is_hop, hops)) else "")
    return text


def _is_hop(text: str) -> bool:
    match = HOP.fullmatch(text)
    if match is None or not is_host(match["host"].strip("[]")):
        return False
    return match["port"] is None or 1 <= int(match["port"]) <= 65535


def _is_ip(text: str) -> bool:
    try:
        return "%" not in text and bool(ip_address(text))
    except ValueError:
        return False


def local_address(text: str) -> str:
    if text == "localhost":
        return "127.0.0.1"
    if _is_ip(text):
        return str(ip_address(text))
    found = LOCATION.fullmatch(text.strip())
    bare = found["host"].strip("[]") if found else ""
    near = bare if _is_ip(bare) else nearest(bare, ["localhost"])
    port = "; the port goes into local_port" if found and found["port"] and near else ""
    raise refusal(f"{ADDRESS_RULE}{port}", near)
