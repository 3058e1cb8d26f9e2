"""A certificate authority for tests, whose certificates may be good at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


class Authority:
    """One authority; all of them have the same name, as a stack's old one and new one do.

    What tells them apart is the identifier of their key.
    """

    def __init__(self, end: datetime = NOW + 10 * YEAR) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        constraint = x509.BasicConstraints(ca=True, path_length=0)
        signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        builder = self._builder("authority", NOW - YEAR, end).public_key(self._key.public_key())
        builder = builder.add_extension(constraint, critical=True)
        builder = builder.add_extension(signs, critical=True)
        own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(own, critical=False)
        self.pem = _pem(builder.sign(self._key, hashes.SHA256()))

    def issue(
        self, start: datetime = NOW - YEAR, end: datetime = NOW + YEAR, address: str = "127.0.0.1"
    ) -> dict[str, str]:
        """The TLS part of a tier's secret, good for one address."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        builder = self._builder("server", start, end).public_key(key.public_key())
        builder = builder.add_extension(names, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return {
            "ca": self.pem,
            "certificate": _pem(builder.sign(self._key, hashes.SHA256())),
            "private_key": key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ).decode(),
        }

    def _builder(self, subject: str, start: datetime, end: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name("authority"))
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
        )
