"""Certificates of Certificate Manager are signed by the rehearsal's authority."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509


def test_requested_certificate_leads_to_the_authority(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moto.settings.ACM_VALIDATION_WAIT", -1)
    acm = cloud.client("acm")
    arn = acm.request_certificate(
        DomainName="chat.test",
        SubjectAlternativeNames=["chat.test", "*.chat.test"],
        ValidationMethod="DNS",
    )["CertificateArn"]
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"
    found = acm.get_certificate(CertificateArn=arn)
    certificate = x509.load_pem_x509_certificate(found["Certificate"].encode())
    authority = x509.load_pem_x509_certificate(found["CertificateChain"].encode())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["chat.test", "*.chat.test"]
    (view,) = cloud.emulator.view().certificates
    assert (view.arn, view.names) == (arn, ("chat.test", "*.chat.test"))
