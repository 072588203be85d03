"""Checks the certificate and its key before nginx starts, with a sentence for each problem."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from service_management.config import Problem, file_rule
from service_management.settings import Settings


def problems(chosen: Settings) -> list[Problem]:
    """What would keep nginx from starting; empty without TLS."""
    if chosen.tls_cert is None or chosen.tls_key is None:
        return []
    checks: dict[str, tuple[Path, Callable[[Path], str | None]]] = {
        "TLS_CERT": (chosen.tls_cert, _certificate_rule),
        "TLS_KEY": (chosen.tls_key, _key_rule),
    }
    found = [
        Problem("", name, str(path), rule)
        for name, (path, check) in checks.items()
        if (rule := file_rule(name, path) or check(path))
    ]
    return found or _pair(chosen.tls_cert, chosen.tls_key)


def warning(chosen: Settings) -> str:
    """About a certificate that nginx serves but clients refuse. `problems` must be empty."""
    if chosen.tls_cert is None:
        return ""
    certificate, now = _certificate(chosen.tls_cert), datetime.now(UTC)
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if begins <= now <= ends:
        return ""
    when = f"expired on {ends:%F %R}" if ends < now else f"is not valid before {begins:%F %R}"
    return (
        f"TLS_CERT = {chosen.tls_cert}: the certificate {when} UTC, so clients refuse it: "
        "replace it, then run `orchestrator reload`"
    )


def _certificate(path: Path) -> x509.Certificate:
    """The server's certificate is the first one in the file."""
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def _key(path: Path) -> PrivateKeyTypes:
    return load_pem_private_key(path.read_bytes(), None)


def _certificate_rule(path: Path) -> str | None:
    try:
        _certificate(path)
    except ValueError:
        return "must hold certificates in PEM form, the server's own first"
    return None


def _key_rule(path: Path) -> str | None:
    try:
        _key(path)
    except TypeError:
        return "must have no passphrase: nginx could not ask for it when it starts"
    except ValueError:
        return "must hold a private key in PEM form"
    if path.stat().st_mode & 0o007:
        return f"must not be open to every user of this machine: chmod o= {path}"
    return None


def _pair(cert: Path, key: Path) -> list[Problem]:
    if _certificate(cert).public_key() == _key(key).public_key():
        return []
    return [Problem("", "TLS_KEY", str(key), f"must be the key of the first certificate in {cert}")]
