"""The rehearsal's own certificate authority, which stands behind Certificate Manager here."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NAME = "Chatlift rehearsal"
VALID_DAYS = 3650
# Clocks differ, and a certificate is used as soon as it is made.
BACKDATED = timedelta(hours=1)


class Authority:
    """Signs server certificates; trusted by the instances and by whoever is told to."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls) -> Authority:
        """A new authority, good for ten years."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(NAME)
        begin = datetime.now(UTC) - BACKDATED
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=VALID_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def of(cls, directory: Path) -> Authority:
        """The authority kept in ``directory``, made now if there is none."""
        certificate, key = certificate_path(directory), directory / "ca.key"
        if not certificate.exists():
            authority = cls.create()
            directory.mkdir(parents=True, exist_ok=True)
            key.touch(mode=0o600)
            key.write_bytes(key_pem(authority._key))
            # Last: it is what says that the authority is complete.
            unfinished = certificate.with_suffix(".new")
            unfinished.write_text(authority.pem)
            unfinished.rename(certificate)
            return authority
        found = serialization.load_pem_private_key(key.read_bytes(), password=None)
        assert isinstance(found, ec.EllipticCurvePrivateKey)
        return cls(x509.load_pem_x509_certificate(certificate.read_bytes()), found)

    @property
    def pem(self) -> str:
        """Its own certificate: what a client has to trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(
        self, names: Iterable[str], key: PrivateKey, begin: datetime, days: int
    ) -> x509.Certificate:
        """A server certificate for DNS ``names``, the first of which becomes its subject."""
        alternatives = [x509.DNSName(name) for name in names]
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(_name(alternatives[0].value))
            .issuer_name(self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin - BACKDATED)
            .not_valid_after(begin + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )


def certificate_path(directory: Path) -> Path:
    """Where the authority kept in ``directory`` has its certificate."""
    return directory / "ca.crt"


def key_pem(key: PrivateKey) -> bytes:
    """A private key as PKCS #8, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs_certificates,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
