"""Certificates for a server at 127.0.0.1, in files with the names that cert-manager uses."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

from actors import SystemClock

__all__ = ["made"]


def made(folder: Path) -> Path:
    """An authority, and what it gave the server, by the names that cert-manager uses."""
    now = SystemClock().now()

    def signed(name: str, key: Any, issuer: str, by: Any, *more: x509.ExtensionType) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
        )
        for each in more:
            builder = builder.add_extension(each, critical=False)
        return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    ours, theirs = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (folder / "ca.crt").write_bytes(
        signed("authority", ours, "authority", ours, x509.BasicConstraints(ca=True, path_length=0))
    )
    (folder / "tls.crt").write_bytes(
        signed(
            "nats", theirs, "authority", ours,
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
            x509.ExtendedKeyUsage([Usage.SERVER_AUTH, Usage.CLIENT_AUTH]),
        )
    )  # fmt: skip
    (folder / "tls.key").write_bytes(
        theirs.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "ca.crt"
