# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a certificate. They are made by community.crypto, in the role secrets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False


def flaw(certificate: str, ca: str, names: list[str], renew_days: int) -> str:
    """Why a tier's certificate has to be made anew; empty when it is good.

    Args:
        certificate: PEM, like ``ca``, which has to have signed it.
        names: DNS names and addresses, exactly those that it has to be good for.
        renew_days: The least number of days before its end.
    """
    parsed = _parse(certificate)
    if not _signed_by(parsed, ca):
        return "it is of another authority"
    if _names(parsed) != set(names):
        return "its names are not those of the members"
    left = days_left(certificate)
    return f"it ends in {left} days" if left < renew_days else ""


def days_left(certificate: str) -> int:
    """Whole days until a certificate ends."""
    return (_parse(certificate).not_valid_after_utc - datetime.now(timezone.utc)).days


def is_older(certificate: str, days: int) -> bool:
    """Whether a certificate was made more than so many days ago."""
    age = datetime.now(timezone.utc) - _parse(certificate).not_valid_before_utc
    return age > timedelta(days=days)


def _parse(certificate: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.encode())


def _signed_by(certificate: x509.Certificate, ca: str) -> bool:
    try:
        certificate.verify_directly_issued_by(_parse(ca))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}
