"""A certificate of an authority that is made for it."""

from __future__ import annotations

from datetime import UTC, datetime

from chatlift_rehearsal.authority import Authority, key_pem
from chatlift_rehearsal.model import CertificateView
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


def issued(*names: str, arn: str = "arn:certificate") -> CertificateView:
    """As Certificate Manager would have it; ``chain`` is what a client has to trust."""
    authority, key = Authority.create(), ec.generate_private_key(ec.SECP256R1())
    certificate = authority.issue(names, key, datetime.now(UTC), days=1)
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return CertificateView(arn, names, pem, authority.pem, key_pem(key).decode())
