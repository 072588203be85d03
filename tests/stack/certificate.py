"""A certificate for this machine's loopback, signed by itself, as a test's clients trust it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

_NAMES = [
    x509.DNSName("localhost"),
    *(x509.IPAddress(ip_address(address)) for address in ("127.0.0.1", "::1")),
]


@dataclass(frozen=True)
class Certificate:
    cert: Path
    key: Path

    @classmethod
    def make(cls, directory: Path, days: int = 30, passphrase: bytes = b"") -> Certificate:
        """A new one at every call, in the same two files; it expires in `days` days."""
        made = cls(directory / "tls.crt", directory / "tls.key")
        key = ec.generate_private_key(ec.SECP256R1())
        made.cert.write_bytes(_signed(key, days).public_bytes(Encoding.PEM))
        locked = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
        made.key.chmod(0o600)
        return made

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.cert)

    def settings(self) -> dict[str, str]:
        return {"TLS_CERT": str(self.cert), "TLS_KEY": str(self.key)}


def _signed(key: ec.EllipticCurvePrivateKey, days: int) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    ends = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(ends - timedelta(days=90)).not_valid_after(ends)
    builder = builder.add_extension(x509.SubjectAlternativeName(_NAMES), critical=False)
    return builder.sign(key, SHA256())
