# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stack's certificate authority and the certificates of its tiers, made in memory.

Keys are NIST P-256: every TLS library of MySQL, Redis and Node.js takes them, and making one is
instant.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False

# Clocks differ; a certificate made now must be good on a host that is a little behind.
BACKDATE = timedelta(minutes=10)


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM."""

    certificate: str
    private_key: str


def make_ca(common_name: str, days: int) -> Pair:
    """A self-signed authority that may sign end certificates only."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(common_name, common_name, key.public_key(), days)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return _pair(builder, key, key)


def make_certificate(ca: Pair, common_name: str, names: list[str], days: int) -> Pair:
    """A certificate for server and client use, good for ``names`` (DNS names and addresses)."""
    authority = x509.load_pem_x509_certificate(ca.certificate.encode())
    authority_key = serialization.load_pem_private_key(ca.private_key.encode(), password=None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise ValueError(
            "The key of the certificate authority is not the elliptic-curve key it was."
        )
    issuer = str(authority.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(common_name, issuer, key.public_key(), days)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(digital_signature=True), critical=True)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
        critical=False,
    )
    builder = builder.add_extension(
        x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
    )
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
        critical=False,
    )
    return _pair(builder, key, authority_key)


def is_good(certificate: str, ca: str, names: list[str], days_left: int) -> bool:
    """Whether a certificate was signed by ``ca``, is good for exactly these names, and lasts.

    Args:
        certificate: PEM, like ``ca``.
        days_left: The least number of days before its end.
    """
    parsed = x509.load_pem_x509_certificate(certificate.encode())
    lasts = parsed.not_valid_after_utc - datetime.now(timezone.utc) >= timedelta(days=days_left)
    return lasts and _names(parsed) == set(names) and _signed_by(parsed, ca)


def _signed_by(certificate: x509.Certificate, ca: str) -> bool:
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.encode()))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: str, issuer: str, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(**uses: bool) -> x509.KeyUsage:
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: uses.get(use, False) for use in every})


def _pair(
    builder: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> Pair:
    certificate = builder.sign(signer, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return Pair(
        certificate.public_bytes(pem).decode(),
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
