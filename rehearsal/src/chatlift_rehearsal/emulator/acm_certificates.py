"""Certificates that the rehearsal's own authority signs, where moto signs each with its own key.

They are issued once the records that prove the domain are in Route 53, where moto only waits.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.acm import models

from ..authority import Authority, key_pem
from . import state
from .delays import delays
from .route53 import leads_to

# https://docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html
VALID_DAYS = 198


class CertBundle(models.CertBundle):
    """A certificate of Certificate Manager, requested or imported."""

    __module__ = "moto.acm.models"  # moto derives the service from it
    authority: ClassVar[Authority]
    _proven_at: float | None = None
    _issued: datetime | None = None

    @classmethod
    def generate_cert(
        cls,
        domain_name: str,
        account_id: str,
        region: str,
        sans: list[str] | None = None,
        cert_authority_arn: str | None = None,
    ) -> Any:
        """A certificate for a request, which is issued once its domain is validated."""
        key = rsa.generate_private_key(65537, 2048)
        names = dict.fromkeys([domain_name, *(sans or [])])
        certificate = cls.authority.issue(names, key, datetime.now(UTC), VALID_DAYS)
        bundle = cls(
            account_id,
            certificate.public_bytes(serialization.Encoding.PEM),
            key_pem(key),
            region=region,
            cert_type="PRIVATE" if cert_authority_arn else "AMAZON_ISSUED",
            cert_status="ISSUED" if cert_authority_arn else "PENDING_VALIDATION",
            cert_authority_arn=cert_authority_arn,
        )
        bundle.chain = cls.authority.pem.encode()
        return bundle

    def check(self) -> None:
        """Issue a certificate whose records have been there for long enough."""
        if self.status != "PENDING_VALIDATION":
            return super().check()
        if not self._proven():
            self._proven_at = None
        elif self._proven_at is None:
            self._proven_at = state.now()
        if self._proven_at is not None and state.now() >= self._proven_at + delays.certificate:
            self.status, self._issued = "ISSUED", datetime.now(UTC)
        return None

    def describe(self) -> dict[str, Any]:
        described = super().describe()
        # By moto it was issued when it was requested.
        if described["Certificate"].pop("IssuedAt", None) and self._issued:
            described["Certificate"]["IssuedAt"] = self._issued.timestamp()
        return described

    def _proven(self) -> bool:
        account_id = self.arn.split(":")[4]
        options = self.describe()["Certificate"]["DomainValidationOptions"]
        records = [option["ResourceRecord"] for option in options]
        return all(leads_to(account_id, record["Name"], record["Value"]) for record in records)
