"""Every variable, where it comes from, and the message for an invalid one."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from service_management import settings
from service_management.gateway.gateway_settings import RUN_DIR_MAX
from service_management.settings import DEFAULTS, VARIABLES, Settings, SettingsError, read

ROOT = Path(settings.__file__).resolve().parent.parent

# variable, a value, the setting it becomes, what it becomes
GOOD = [
    ("NGINX_PORT", "8099", "nginx_port", 8099),
    ("NGINX_LISTEN_PORT", "8081", "listen_port", 8081),
    ("NGINX_LISTEN_ADDRESS", "[::1]", "listen_address", "::1"),
    ("ML_SERVICE_FLASK_PORT", "65535", "flask_port", 65535),
    ("ML_SERVICE_SSH_BIND_MOUNT", "/keys", "key_dir", Path("/keys")),
    ("TLS_CERT", "/tls/cert.pem", "tls_cert", Path("/tls/cert.pem")),
    ("TLS_KEY", "/tls/key.pem", "tls_key", Path("/tls/key.pem")),
    ("ADMIN_TOKEN", "a-long-secret-token", "admin_token", "a-long-secret-token"),
    ("ORCHESTRATOR_ID", "lab-2", "identity", "lab-2"),
    ("SERVICES_CONFIG", "/etc/services.json", "config_file", Path("/etc/services.json")),
    ("STATE_DIR", "/var/lib/io", "state_dir", Path("/var/lib/io")),
    ("RUN_DIR", "/run/io", "run_dir", Path("/run/io")),
    ("SPOOL_DIR", "/srv/spool", "spool_dir", Path("/srv/spool")),
    ("DATABASE_URL", "postgresql://db/io", "database_url", "postgresql://db/io"),
    ("SSH_BACKEND", "Paramiko", "ssh_backend", "paramiko"),
    ("HOLD_THREADS", "8", "hold_threads", 8),
    ("UPLOAD_TIMEOUT", "60", "upload_timeout", 60),
    ("TRUSTED_PROXIES", "10.0.0.0/8, ::1", "trusted_proxies", ("10.0.0.0/8", "::1/128")),
    ("GATEWAY_USER", "gateway", "gateway_user", "gateway"),
    ("NGINX_USER", "nginx", "nginx_user", "nginx"),
    ("ACCESS_LOG_MB", "16", "access_log_mb", 16),
    ("LOG_FORMAT", "json", "log_format", "json"),
    ("LOG_LEVEL", "DEBUG", "log_level", "debug"),
]
BAD = [
    ("NGINX_PORT", "0", "a whole number from 1 to 65535"),
    ("NGINX_PORT", "65536", "a whole number from 1 to 65535"),
    ("NGINX_PORT", "80; rm", "a whole number from 1 to 65535"),
    ("NGINX_LISTEN_PORT", "-1", "a whole number from 1 to 65535"),
    ("NGINX_LISTEN_ADDRESS", "localhost", "must be an IPv4 or IPv6 address"),
    ("NGINX_LISTEN_ADDRESS", "127.0.0.1; x", "must be an IPv4 or IPv6 address"),
    ("ML_SERVICE_FLASK_PORT", "٣", "a whole number from 1 to 65535"),
    ("TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set"),
    ("HOLD_THREADS", "7", "a whole number from 8 to 20000"),
    ("HOLD_THREADS", "1e3", "a whole number from 8 to 20000"),
    ("ACCESS_LOG_MB", "0", "a whole number from 1 to 65536"),
    ("SSH_BACKEND", "telnet", "must be one of openssh, paramiko"),
    ("LOG_FORMAT", "xml", "must be one of text, json"),
    ("LOG_LEVEL", "loud", "must be one of debug, info, warning, error"),
    ("STATE_DIR", "~nobody-of-that-name/x", "no such user"),
    ("ORCHESTRATOR_ID", "my.id", "at most 32 letters, digits and hyphens"),
    ("ORCHESTRATOR_ID", "x" * 33, "at most 32 letters, digits and hyphens"),
    ("ORCHESTRATOR_ID", "größe", "at most 32 letters, digits and hyphens"),
    ("ORCHESTRATOR_ID", "-", "at most 32 letters, digits and hyphens"),
]


def test_every_variable_is_covered_here() -> None:
    assert [name for name, *_ in GOOD] == [variable.name for variable in VARIABLES]
    assert {setting for _, _, setting, _ in GOOD} == {field.name for field in fields(Settings)}


@pytest.mark.parametrize(("name", "value", "setting", "expected"), GOOD)
def test_a_variable_becomes_a_setting(tmp_path, name, value, setting, expected) -> None:
    pair = {"TLS_CERT": "/a", "TLS_KEY": "/b"}  # both or none
    assert getattr(read({**pair, name: value}, tmp_path), setting) == expected


@pytest.mark.parametrize(("name", "value", "rule"), BAD)
def test_a_value_that_cannot_be_used_is_named_with_its_rule(tmp_path, name, value, rule) -> None:
    with pytest.raises(SettingsError) as refusal:
        read({name: value}, tmp_path)
    assert str(refusal.value).startswith(f"{name}={value!r}: ")
    assert rule in str(refusal.value)


def test_every_variable_has_a_default(tmp_path: Path) -> None:
    chosen = read({}, tmp_path)
    assert (chosen.nginx_port, chosen.listen_port, chosen.flask_port) == (8090, 80, 5001)
    assert chosen.key_dir == tmp_path / "ssh_bind_mnt"
    assert chosen.config_file == tmp_path / "services_config.json"
    assert chosen.state_dir == tmp_path / "var"
    assert chosen.database_url == f"sqlite:///{tmp_path}/var/state.db"
    assert chosen.gateway_url == "http://127.0.0.1:8090"


def test_the_store_is_in_the_state_dir_by_default(tmp_path: Path) -> None:
    assert read({"STATE_DIR": "/srv/io"}, tmp_path).database_url == "sqlite:////srv/io/state.db"


def test_relative_paths_start_at_the_installation_tilde_at_home(tmp_path: Path) -> None:
    assert read({"STATE_DIR": "../elsewhere"}, tmp_path).state_dir == tmp_path.parent / "elsewhere"
    assert read({"STATE_DIR": "~/io"}, tmp_path).state_dir == Path.home() / "io"


def test_a_certificate_is_found_beside_the_keys_and_makes_https(
    tmp_path: Path,
) -> None:
    chosen = read({"TLS_CERT": "tls.crt", "TLS_KEY": "/etc/tls.key"}, tmp_path)
    assert chosen.tls_cert == tmp_path / "ssh_bind_mnt" / "tls.crt"
    assert chosen.tls_key == Path("/etc/tls.key")
    assert chosen.gateway_url == "https://127.0.0.1:8090"


@pytest.mark.parametrize(("given", "lacking"), [("TLS_CERT", "TLS_KEY"), ("TLS_KEY", "TLS_CERT")])
def test_a_certificate_without_its_key_is_refused(tmp_path: Path, given: str, lacking: str) -> None:
    with pytest.raises(SettingsError, match=f"{lacking}: must be given too"):
        read({given: "x"}, tmp_path)


def test_environment_overrides_dotenv_and_dotenv_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NGINX_PORT=1111\nML_SERVICE_FLASK_PORT=2222\nLOG_LEVEL=\n")
    chosen = read({"NGINX_PORT": "3333"}, tmp_path)
    assert (chosen.nginx_port, chosen.flask_port, chosen.log_level) == (3333, 2222, "info")


def test_an_empty_variable_counts_as_not_given(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NGINX_PORT=1111\n")
    assert read({"NGINX_PORT": ""}, tmp_path).nginx_port == 1111


def test_an_installation_has_one_name_of_its_own(tmp_path: Path) -> None:
    mine, again = read({}, tmp_path).identity, read({}, tmp_path).identity
    assert mine == again != read({}, tmp_path / "other").identity
    assert re.fullmatch(r"io-[0-9a-f]{6}", mine)


def test_the_run_dir_leaves_room_for_a_sockets_name(tmp_path: Path) -> None:
    """A unix socket's path has at most 107 bytes."""
    deep = tmp_path / ("very" * 20)
    assert len(str(read({}, deep).run_dir)) < 40


def test_every_variable_says_what_it_means() -> None:
    assert all(variable.meaning for variable in VARIABLES)
    assert DEFAULTS.keys() == {variable.name for variable in VARIABLES}


def test_the_template_names_every_variable_and_no_other() -> None:
    lines = (ROOT / ".env_template").read_text().splitlines()
    named = {match[1] for line in lines if (match := re.match(r"#?\s?([A-Z][A-Z_]+)=", line))}
    assert named == set(DEFAULTS)


def test_large_bodies_go_to_a_disk_and_not_to_memory_in_run() -> None:
    chosen = settings.parse({**settings.DEFAULTS, "RUN_DIR": "/run/io-1"}, Path("/srv/io"))
    assert chosen.spool_dir == Path("/var/tmp/io-1")


def test_the_run_dir_of_a_user_without_run_fits_below_their_own(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(settings.os, "access", lambda path, _mode: path != Path("/run"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert str(settings.default_run_dir(tmp_path)).startswith("/run/user/1000/io-")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1234567")
    assert str(settings.default_run_dir(tmp_path)).startswith("/tmp/io-")
    assert settings.RUN_DIR_MAX == RUN_DIR_MAX


@pytest.mark.parametrize("token", ["secret", "a" * 40, "fifteen-letters"])
def test_a_weak_admin_token_is_refused_and_not_repeated(tmp_path: Path, token: str) -> None:
    with pytest.raises(SettingsError, match="Delete its line") as refusal:
        read({"ADMIN_TOKEN": token}, tmp_path)
    assert token not in str(refusal.value)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("10.1.2.3", "10.1.2.3"),
        ("fd00::7", "[fd00::7]"),
    ],
)
def test_the_command_line_uses_the_address_nginx_listens_on(tmp_path, address, host) -> None:
    assert read({"NGINX_LISTEN_ADDRESS": address}, tmp_path).gateway_url == f"http://{host}:8090"
