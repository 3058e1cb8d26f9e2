"""Certificates of Certificate Manager are signed by the rehearsal's authority, for proven names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chatlift_rehearsal.emulator import delays
from cryptography import x509


class Request:
    """A certificate that was asked for, and the zone in which its record belongs."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.acm, self.route53 = cloud.client("acm"), cloud.client("route53")
        made = self.route53.create_hosted_zone(Name="chat.test", CallerReference="1")
        self.zone = made["HostedZone"]["Id"]
        self.arn = self.acm.request_certificate(
            DomainName="chat.test",
            SubjectAlternativeNames=["chat.test", "*.chat.test"],
            ValidationMethod="DNS",
        )["CertificateArn"]

    def described(self) -> Any:
        return self.acm.describe_certificate(CertificateArn=self.arn)["Certificate"]

    def record(self, action: str = "UPSERT", value: str = "") -> None:
        """Put the record by which the names are proven into the zone, or take it away."""
        records = {
            (one["ResourceRecord"]["Name"], one["ResourceRecord"]["Value"])
            for one in self.described()["DomainValidationOptions"]
        }
        batch = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": name,
                    "Type": "CNAME",
                    "TTL": 300,
                    "ResourceRecords": [{"Value": value or right}],
                },
            }
            for name, right in records
        ]
        self.route53.change_resource_record_sets(
            HostedZoneId=self.zone, ChangeBatch={"Changes": batch}
        )
        self.cloud.emulator.step()


@pytest.fixture
def request_(cloud: Any) -> Request:
    return Request(cloud)


@pytest.fixture
def slow() -> Iterator[None]:
    delays.use(delays.Delays(certificate=90.0))
    yield
    delays.use(delays.Delays())


def test_proven_certificate_leads_to_the_authority(request_: Request) -> None:
    request_.record()
    assert request_.described()["Status"] == "ISSUED"
    found = request_.acm.get_certificate(CertificateArn=request_.arn)
    certificate = x509.load_pem_x509_certificate(found["Certificate"].encode())
    authority = x509.load_pem_x509_certificate(found["CertificateChain"].encode())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["chat.test", "*.chat.test"]


def test_without_its_record_none_is_issued(request_: Request) -> None:
    request_.cloud.wait(3600)
    assert request_.described()["Status"] == "PENDING_VALIDATION"
    request_.record(value="_wrong.acm-validations.aws.")
    request_.cloud.wait(3600)
    assert request_.described()["Status"] == "PENDING_VALIDATION"
    assert request_.cloud.emulator.view().certificates == ()


def test_it_is_issued_though_nobody_looks(request_: Request) -> None:
    request_.record()
    (view,) = request_.cloud.emulator.view().certificates
    assert (view.arn, view.names) == (request_.arn, ("chat.test", "*.chat.test"))


def test_what_was_issued_stays_so_without_the_record(request_: Request) -> None:
    request_.record()
    assert request_.described()["Status"] == "ISSUED"
    request_.record("DELETE")
    assert request_.described()["Status"] == "ISSUED"


@pytest.mark.usefixtures("slow")
def test_the_record_has_to_stay_until_it_is_issued(request_: Request) -> None:
    request_.record()
    request_.cloud.wait(60)
    assert request_.described()["Status"] == "PENDING_VALIDATION"
    request_.record("DELETE")
    request_.record()
    request_.cloud.wait(60)
    assert request_.described()["Status"] == "PENDING_VALIDATION"
    assert "IssuedAt" not in request_.described()
    request_.cloud.wait(60)
    assert request_.described()["Status"] == "ISSUED"
    assert request_.described()["IssuedAt"] >= request_.described()["CreatedAt"]
