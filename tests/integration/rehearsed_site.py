"""A site behind CloudFront in the rehearsal, and how tests wait for it."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration.viewer import Answer, Viewer

REGION = "eu-central-1"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
ECHO_SERVER = base64.b64encode(Path(__file__).with_name("echo_server.py").read_bytes()).decode()
USER_DATA = f"""\
#cloud-config
write_files:
  - path: /srv/echo_server.py
    encoding: b64
    content: {ECHO_SERVER}
  - path: /etc/systemd/system/echo.service
    content: |
      [Service]
      ExecStart=python3 /srv/echo_server.py 8080
runcmd:
  - systemctl start echo
"""


def eventually(what: str, probe: Callable[[], Any], seconds: float = 30) -> Any:
    """The first true answer of ``probe``."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {seconds} s; last seen: {found!r}")
        time.sleep(0.1)


class Site:
    """A bucket with pages, and with ``balancer`` an application below /api/."""

    def __init__(self, name: str, address_of: Callable[[str], str], balancer: str = "") -> None:
        self.s3 = boto3.client("s3")
        self.cloudfront = boto3.client("cloudfront")
        self.bucket, self.logs = f"{name}-pages", f"{name}-logs"
        self._make_buckets()
        control = self.cloudfront.create_origin_access_control(
            OriginAccessControlConfig={
                "Name": name,
                "SigningProtocol": "sigv4",
                "SigningBehavior": "always",
                "OriginAccessControlOriginType": "s3",
            }
        )["OriginAccessControl"]["Id"]
        origin = self._vpc_origin(name, balancer) if balancer else ""
        config = self._config(name, control, origin)
        made = self.cloudfront.create_distribution(DistributionConfig=config)["Distribution"]
        self.id, self._arn = made["Id"], made["ARN"]
        self.allow()
        self.cloudfront.get_waiter("distribution_deployed").wait(
            Id=self.id, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        address = eventually("its address", lambda: address_of(self.id))
        self.viewer = Viewer(address, made["DomainName"])

    def page(self, path: str) -> Answer | None:
        """What is at ``path``, None as long as nothing good is."""
        try:
            answer = self.viewer.ask(path)
        except ConnectionError:
            return None
        return answer if answer.status == 200 else None

    def allow(self) -> None:
        """Let the distribution, and nobody else, read the bucket."""
        arn = f"arn:aws:s3:::{self.bucket}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"StringEquals": {"AWS:SourceArn": self._arn}},
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))

    def logged(self) -> str:
        """The logs that the bucket has."""
        found = self.s3.list_objects_v2(Bucket=self.logs, Prefix=f"cdn/{self.id}.")
        bodies = [
            self.s3.get_object(Bucket=self.logs, Key=entry["Key"])["Body"].read()
            for entry in found.get("Contents", [])
        ]
        return "".join(gzip.decompress(body).decode() for body in bodies)

    def disable(self) -> None:
        """Have it served no longer."""
        found = self.cloudfront.get_distribution_config(Id=self.id)
        self.cloudfront.update_distribution(
            Id=self.id,
            IfMatch=found["ETag"],
            DistributionConfig={**found["DistributionConfig"], "Enabled": False},
        )

    def delete(self) -> bool:
        """Delete it, once it is disabled everywhere; whether that was so."""
        etag = self.cloudfront.get_distribution_config(Id=self.id)["ETag"]
        try:
            self.cloudfront.delete_distribution(Id=self.id, IfMatch=etag)
        except ClientError as error:
            assert "DistributionNotDisabled" in str(error)
            return False
        return True

    def _make_buckets(self) -> None:
        place = {"LocationConstraint": REGION}
        for bucket in (self.bucket, self.logs):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        self.s3.put_bucket_ownership_controls(
            Bucket=self.logs,
            OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]},
        )
        for key, text in (
            ("index.html", b"hello"),
            ("other.html", b"other"),
            ("404.html", b"nothing here"),
        ):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=text, ContentType="text/html")

    def _vpc_origin(self, name: str, balancer: str) -> str:
        made = self.cloudfront.create_vpc_origin(
            VpcOriginEndpointConfig={
                "Name": name,
                "Arn": balancer,
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "http-only",
            }
        )["VpcOrigin"]["Id"]
        eventually("the VPC origin", lambda: self._origin_status(made) == "Deployed")
        return str(made)

    def _origin_status(self, origin: str) -> str:
        return str(self.cloudfront.get_vpc_origin(Id=origin)["VpcOrigin"]["Status"])

    def _config(self, name: str, control: str, vpc_origin: str) -> dict[str, Any]:
        pages = {
            "Id": "pages",
            "DomainName": f"{self.bucket}.s3.{REGION}.amazonaws.com",
            "S3OriginConfig": {"OriginAccessIdentity": ""},
            "OriginAccessControlId": control,
        }
        application = {
            "Id": "application",
            "DomainName": "application.internal",
            "VpcOriginConfig": {"VpcOriginId": vpc_origin},
        }
        writes = ["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"]
        api = {
            "PathPattern": "/api/*",
            "TargetOriginId": "application",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": CACHING_DISABLED,
            "OriginRequestPolicyId": ALL_VIEWER,
            "AllowedMethods": {"Quantity": len(writes), "Items": writes},
        }
        error = {
            "ErrorCode": 404,
            "ResponsePagePath": "/404.html",
            "ResponseCode": "404",
            "ErrorCachingMinTTL": 0,
        }
        return {
            "CallerReference": name,
            "Comment": name,
            "Enabled": True,
            "DefaultRootObject": "index.html",
            "Origins": _items(*([pages, application] if vpc_origin else [pages])),
            "DefaultCacheBehavior": {
                "TargetOriginId": "pages",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": CACHING_OPTIMIZED,
            },
            "CacheBehaviors": _items(*([api] if vpc_origin else [])),
            "CustomErrorResponses": _items(error),
            "Logging": {
                "Enabled": True,
                "IncludeCookies": False,
                "Bucket": f"{self.logs}.s3.amazonaws.com",
                "Prefix": "cdn/",
            },
        }


def _items(*items: Any) -> dict[str, Any]:
    return {"Quantity": len(items), "Items": list(items)} if items else {"Quantity": 0}
