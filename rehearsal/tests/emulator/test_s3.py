"""Who may read a bucket: its owner, the public, and CloudFront."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

SITE = "arn:aws:cloudfront::123456789012:distribution/E1"
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::pages", "arn:aws:s3:::pages/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
PUBLIC = {
    "Effect": "Allow",
    "Principal": "*",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::pages/*",
}
FOR_SITE = {
    **PUBLIC,
    "Principal": {"Service": "cloudfront.amazonaws.com"},
    "Condition": {"StringEquals": {"AWS:SourceArn": SITE}},
}


@pytest.fixture
def s3(cloud: Any) -> Any:
    s3 = cloud.client("s3")
    s3.create_bucket(
        Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    s3.put_object(Bucket="pages", Key="index.html", Body=b"<p>hello</p>", ContentType="text/html")
    return s3


def allow(s3: Any, *statements: Any) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    s3.put_bucket_policy(Bucket="pages", Policy=policy)


def open_to_the_public(s3: Any) -> None:
    s3.put_public_access_block(
        Bucket="pages",
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"),
            False,
        ),
    )


def anonymous(cloud: Any, path: str = "pages/index.html") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"{cloud.emulator.endpoint}/{path}") as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def as_cloudfront(cloud: Any, path: str, source: str = SITE) -> tuple[str, bytes]:
    started: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "origin",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
        "HTTP_X_DISTRIBUTION": source,
        "HTTP_AUTHORIZATION": "Basic dmlld2Vy",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    body = cloud.emulator.bucket_origin(
        environ, lambda status, headers, exc_info=None: started.append(status)
    )
    return started[0][:3], b"".join(body)


def test_new_bucket_is_closed_to_the_public(cloud: Any, s3: Any) -> None:
    block = s3.get_public_access_block(Bucket="pages")["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    controls = s3.get_bucket_ownership_controls(Bucket="pages")["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    status, body = anonymous(cloud)
    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    assert anonymous(cloud, "pages")[0] == 403
    assert anonymous(cloud, "")[0] == 403


def test_denial_of_plain_http_does_not_shut_the_owner_out(s3: Any) -> None:
    allow(s3, TLS_ONLY)
    assert s3.get_object(Bucket="pages", Key="index.html")["Body"].read() == b"<p>hello</p>"
    s3.put_object(Bucket="pages", Key="new", Body=b"")
    s3.delete_object(Bucket="pages", Key="new")
    assert s3.list_objects_v2(Bucket="pages")["KeyCount"] == 1


def test_denial_holds_for_the_owner_too_but_not_for_the_policy_itself(s3: Any) -> None:
    allow(s3, {**TLS_ONLY, "Condition": {}})
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.get_object(Bucket="pages", Key="index.html")
    s3.delete_bucket_policy(Bucket="pages")
    s3.get_object(Bucket="pages", Key="index.html")


def test_public_policy_needs_an_open_bucket(cloud: Any, s3: Any) -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        allow(s3, PUBLIC)
    open_to_the_public(s3)
    allow(s3, PUBLIC)
    assert anonymous(cloud) == (200, b"<p>hello</p>")
    assert anonymous(cloud, "pages/absent")[0] == 403
    s3.put_public_access_block(
        Bucket="pages", PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    assert anonymous(cloud)[0] == 403


def test_public_list_needs_lists_at_all(cloud: Any, s3: Any) -> None:
    open_to_the_public(s3)
    s3.put_object_acl(Bucket="pages", Key="index.html", ACL="public-read")
    assert anonymous(cloud)[0] == 403
    s3.put_bucket_ownership_controls(
        Bucket="pages", OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    assert anonymous(cloud)[0] == 200


def test_signed_link_is_not_anonymous(cloud: Any, s3: Any) -> None:
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "pages", "Key": "index.html"})
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"<p>hello</p>"


def test_cloudfront_reads_what_the_policy_gives_to_that_distribution(cloud: Any, s3: Any) -> None:
    assert as_cloudfront(cloud, "/pages/index.html")[0] == "403"
    allow(s3, TLS_ONLY, FOR_SITE)
    assert as_cloudfront(cloud, "/pages/index.html") == ("200", b"<p>hello</p>")
    assert as_cloudfront(cloud, "/pages/index.html", SITE + "2")[0] == "403"
    assert anonymous(cloud)[0] == 403


def test_what_is_missing_is_told_to_those_who_may_list(cloud: Any, s3: Any) -> None:
    allow(s3, FOR_SITE)
    status, body = as_cloudfront(cloud, "/pages/absent.html")
    assert (status, b"<Code>AccessDenied</Code>" in body) == ("403", True)
    allow(s3, FOR_SITE, {**FOR_SITE, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::pages"})
    status, body = as_cloudfront(cloud, "/pages/absent.html")
    assert (status, b"<Code>NoSuchKey</Code>" in body) == ("404", True)
