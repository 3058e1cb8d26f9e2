"""The parts of a site behind CloudFront, as tests need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"


def items(*values: Any) -> dict[str, Any]:
    """A list as CloudFront writes it."""
    return {"Quantity": len(values), "Items": list(values)} if values else {"Quantity": 0}


def s3_origin(bucket: str, control: str = "", **more: Any) -> dict[str, Any]:
    """A bucket as an origin, by the name ``site``."""
    return {
        "Id": "site",
        "DomainName": f"{bucket}.s3.eu-central-1.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": control,
        **more,
    }


def behavior(origin: str = "site", cache: str = CACHING_OPTIMIZED, **more: Any) -> dict[str, Any]:
    """A behavior that redirects to HTTPS."""
    return {
        "TargetOriginId": origin,
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": cache,
        **more,
    }


def config(reference: str = "one", origins: Any = None, **more: Any) -> dict[str, Any]:
    """A distribution before one bucket, unless told otherwise."""
    return {
        "CallerReference": reference,
        "Comment": "test",
        "Enabled": True,
        "Origins": items(*(origins or [s3_origin("pages")])),
        "DefaultCacheBehavior": behavior(),
        **more,
    }


def access_control(name: str = "pages") -> dict[str, str]:
    """An origin access control for a bucket."""
    return {
        "Name": name,
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }


def self_signed(*names: str) -> dict[str, bytes]:
    """A certificate and its key, as ImportCertificate takes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return {
        "Certificate": certificate.public_bytes(pem),
        "PrivateKey": key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    }
