"""What a secret's certificates are good for: checked before a service gets them, and told after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from .errors import AgentError

KEYS = ("ca", "certificate", "private_key")
"""The keys of a secret that hold PEM; an app instance's has ``ca`` alone."""

CLOCKS = timedelta(minutes=1)
"""How far this instance's clock may be behind that of whoever made the certificate."""


def check(arn: str, secret: Mapping[str, str], now: datetime | None = None) -> None:
    """Raise an `AgentError` unless a service can serve with the PEM of ``secret``.

    ``ca`` may hold several authorities, one of which has to have signed ``certificate``.
    """
    now = now or datetime.now(UTC)
    try:
        authorities = x509.load_pem_x509_certificates(secret["ca"].encode())
        if "certificate" not in secret:
            return
        certificate = x509.load_pem_x509_certificate(secret["certificate"].encode())
        key = load_pem_private_key(secret["private_key"].encode(), password=None)
    except (ValueError, TypeError):
        raise AgentError(
            f"The secret {arn} has a ca, certificate or private_key that is not PEM; run "
            "playbooks/secrets.yml, or restore the secret's previous version."
        ) from None
    if certificate.public_key() != key.public_key():
        raise AgentError(f"The private_key of the secret {arn} is not that of its certificate.")
    if not any(_signed(certificate, authority) for authority in authorities):
        raise AgentError(f"No authority in ca of the secret {arn} has signed its certificate.")
    if now + CLOCKS < certificate.not_valid_before_utc:
        raise AgentError(
            f"The certificate of the secret {arn} is good from "
            f"{_time(certificate.not_valid_before_utc)} on, and by this instance's clock it is "
            f"{_time(now)}; see chronyc tracking."
        )
    if now > certificate.not_valid_after_utc:
        raise AgentError(
            f"The certificate of the secret {arn} was good until "
            f"{_time(certificate.not_valid_after_utc)}, and by this instance's clock it is "
            f"{_time(now)}; run playbooks/rotate_certificates.yml, or see chronyc tracking."
        )


def end(secret: Mapping[str, str]) -> tuple[datetime, str]:
    """When the first of them ends without which nobody can connect any more, and what renews it.

    That is the certificate, or the last of the authorities that are trusted.
    """
    authorities = x509.load_pem_x509_certificates(secret["ca"].encode())
    ends = [(max(ca.not_valid_after_utc for ca in authorities), "playbooks/rotate_authority.yml")]
    if "certificate" in secret:
        certificate = x509.load_pem_x509_certificate(secret["certificate"].encode())
        ends.append((certificate.not_valid_after_utc, "playbooks/rotate_certificates.yml"))
    return min(ends)


def fingerprint(secret: Mapping[str, str]) -> str:
    """Which certificates these are, in 16 hexadecimal digits (docs/contracts.md, "Secrets")."""
    text = secret["ca"] + secret.get("certificate", "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _signed(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
