"""Distributions, their versions and what they refuse."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from . import sites
from .sites import ALL_VIEWER, CACHING_DISABLED, behavior, config, items, s3_origin


@pytest.fixture
def cdn(cloud: Any) -> Any:
    return cloud.client("cloudfront")


@pytest.fixture
def acm(port: int) -> Any:
    session = boto3.Session("rehearsal", "rehearsal", region_name="us-east-1")
    return session.client("acm", endpoint_url=f"http://127.0.0.1:{port}")


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


def create(cdn: Any, **more: Any) -> Any:
    return cdn.create_distribution(DistributionConfig=config(**more))


def update(cdn: Any, made: Any, etag: str | None = None, **more: Any) -> Any:
    identifier = made["Distribution"]["Id"]
    current = cdn.get_distribution_config(Id=identifier)
    return cdn.update_distribution(
        Id=identifier,
        IfMatch=etag or current["ETag"],
        DistributionConfig={**current["DistributionConfig"], **more},
    )


def test_configuration_is_kept_and_completed(cdn: Any) -> None:
    control = cdn.create_origin_access_control(OriginAccessControlConfig=sites.access_control())[
        "OriginAccessControl"
    ]["Id"]
    api = behavior(cache=CACHING_DISABLED, OriginRequestPolicyId=ALL_VIEWER, PathPattern="/api/*")
    made = create(
        cdn,
        origins=[s3_origin("pages", control, OriginPath="/releases/1")],
        HttpVersion="http2and3",
        CacheBehaviors=items(api),
        DefaultRootObject="index.html",
    )
    kept = cdn.get_distribution_config(Id=made["Distribution"]["Id"])["DistributionConfig"]
    assert kept["HttpVersion"] == "http2and3"
    assert kept["Origins"]["Items"][0]["OriginAccessControlId"] == control
    assert kept["Origins"]["Items"][0]["OriginPath"] == "/releases/1"
    assert kept["CacheBehaviors"]["Items"][0]["OriginRequestPolicyId"] == ALL_VIEWER
    assert kept["DefaultCacheBehavior"]["AllowedMethods"]["Items"] == ["HEAD", "GET"]
    assert kept["ViewerCertificate"]["CloudFrontDefaultCertificate"] is True
    assert "ResponseHeadersPolicyId" not in kept["DefaultCacheBehavior"]
    listed = cdn.list_distributions()["DistributionList"]
    assert (listed["Quantity"], listed["Items"][0]["Comment"]) == (1, "test")
    assert made["Distribution"]["DomainName"].endswith(".cloudfront.net")


def test_configuration_that_is_read_can_be_written(cdn: Any) -> None:
    made = create(cdn)
    before = cdn.get_distribution_config(Id=made["Distribution"]["Id"])["DistributionConfig"]
    update(cdn, made)
    after = cdn.get_distribution_config(Id=made["Distribution"]["Id"])["DistributionConfig"]
    assert before == after


def test_every_change_has_a_version_that_the_next_must_name(cdn: Any) -> None:
    made = create(cdn)
    changed = update(cdn, made, Comment="two")
    assert changed["ETag"] != made["ETag"]
    with refused("PreconditionFailed"):
        update(cdn, made, etag=made["ETag"], Comment="three")
    with refused("InvalidIfMatchVersion"):
        update(cdn, made, etag="nonsense", Comment="three")


def test_deployment_takes_time_and_deletion_needs_a_disabled_distribution(
    cloud: Any, cdn: Any
) -> None:
    made = create(cdn)
    identifier = made["Distribution"]["Id"]
    assert made["Distribution"]["Status"] == "InProgress"
    cloud.wait(2)
    assert cdn.get_distribution(Id=identifier)["Distribution"]["Status"] == "Deployed"
    with refused("DistributionNotDisabled"):
        cdn.delete_distribution(Id=identifier, IfMatch=made["ETag"])
    disabled = update(cdn, made, Enabled=False)
    with refused("DistributionNotDisabled"):
        cdn.delete_distribution(Id=identifier, IfMatch=disabled["ETag"])
    cloud.wait(2)
    cdn.delete_distribution(Id=identifier, IfMatch=disabled["ETag"])
    with refused("NoSuchDistribution"):
        cdn.get_distribution(Id=identifier)


def test_alias_needs_a_certificate_and_belongs_to_one_distribution(
    cloud: Any, cdn: Any, acm: Any
) -> None:
    arn = acm.import_certificate(**sites.self_signed("chat.test", "*.chat.test"))["CertificateArn"]
    certificate = {"ACMCertificateArn": arn, "SSLSupportMethod": "sni-only"}
    with refused("InvalidViewerCertificate"):
        create(cdn, Aliases=items("chat.test"))
    with refused("InvalidViewerCertificate"):
        create(cdn, Aliases=items("other.test"), ViewerCertificate=certificate)
    with refused("InvalidViewerCertificate"):
        create(cdn, ViewerCertificate={**certificate, "ACMCertificateArn": arn + "0"})
    made = create(cdn, Aliases=items("chat.test", "a.chat.test"), ViewerCertificate=certificate)
    shown = made["Distribution"]["DistributionConfig"]["ViewerCertificate"]
    assert shown["ACMCertificateArn"] == arn
    assert shown["CertificateSource"] == "acm"
    views = cloud.emulator.view()
    (known,) = (one for one in views.certificates if one.arn == views.distributions[0].certificate)
    assert known.names == ("chat.test", "*.chat.test")
    with refused("CNAMEAlreadyExists"):
        create(cdn, reference="2", Aliases=items("a.chat.test"), ViewerCertificate=certificate)
    update(cdn, made, Comment="the same aliases")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"DefaultCacheBehavior": behavior(origin="elsewhere")}, "NoSuchOrigin"),
        ({"DefaultCacheBehavior": behavior(cache="none")}, "NoSuchCachePolicy"),
        (
            {"DefaultCacheBehavior": behavior(OriginRequestPolicyId="none")},
            "NoSuchOriginRequestPolicy",
        ),
        (
            {"DefaultCacheBehavior": behavior(ResponseHeadersPolicyId="none")},
            "NoSuchResponseHeadersPolicy",
        ),
        ({"origins": [s3_origin("pages", "none")]}, "InvalidOriginAccessControl"),
        ({"Aliases": {"Quantity": 2, "Items": ["a.test"]}}, "InconsistentQuantities"),
        ({"DefaultRootObject": "/index.html"}, "InvalidDefaultRootObject"),
        ({"CustomErrorResponses": items({"ErrorCode": 418})}, "InvalidErrorCode"),
        (
            {"CustomErrorResponses": items({"ErrorCode": 404, "ResponsePagePath": "/x"})},
            "InvalidResponseCode",
        ),
        (
            {"Logging": {"Enabled": True, "IncludeCookies": False, "Bucket": "no", "Prefix": ""}},
            "InvalidArgument",
        ),
    ],
)
def test_mistakes_are_refused(cdn: Any, more: Any, code: str) -> None:
    with refused(code):
        create(cdn, **more)
    assert cdn.list_distributions()["DistributionList"]["Quantity"] == 0


def test_logs_need_a_bucket_with_access_control_lists(cloud: Any, cdn: Any) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(
        Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    logging = {"Enabled": True, "IncludeCookies": False, "Prefix": "cdn/"}
    logging["Bucket"] = "logs.s3.amazonaws.com"
    with refused("InvalidArgument"):
        create(cdn, Logging=logging)
    s3.put_bucket_ownership_controls(
        Bucket="logs",
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]},
    )
    made = create(cdn, Logging=logging)
    assert made["Distribution"]["DistributionConfig"]["Logging"] == logging


def test_caller_reference_is_taken_and_stays(cdn: Any) -> None:
    made = create(cdn)
    with refused("DistributionAlreadyExists"):
        create(cdn)
    with refused("IllegalUpdate"):
        update(cdn, made, CallerReference="other")


def test_tags(cdn: Any) -> None:
    made = cdn.create_distribution_with_tags(
        DistributionConfigWithTags={
            "DistributionConfig": config(),
            "Tags": {"Items": [{"Key": "Name", "Value": "chat"}, {"Key": "old", "Value": "1"}]},
        }
    )
    arn = made["Distribution"]["ARN"]
    cdn.untag_resource(Resource=arn, TagKeys={"Items": ["old"]})
    cdn.tag_resource(Resource=arn, Tags={"Items": [{"Key": "new", "Value": "2"}]})
    tags = cdn.list_tags_for_resource(Resource=arn)["Tags"]["Items"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"Name": "chat", "new": "2"}
    with refused("NoSuchResource"):
        cdn.list_tags_for_resource(Resource=arn + "X")


def test_invalidation_completes(cloud: Any, cdn: Any) -> None:
    identifier = create(cdn)["Distribution"]["Id"]
    batch = {"Paths": items("/*"), "CallerReference": "1"}
    made = cdn.create_invalidation(DistributionId=identifier, InvalidationBatch=batch)
    found = made["Invalidation"]["Id"]
    assert made["Invalidation"]["Status"] == "InProgress"
    again = cdn.create_invalidation(DistributionId=identifier, InvalidationBatch=batch)
    assert again["Invalidation"]["Id"] == found
    cloud.wait(2)
    done = cdn.get_invalidation(DistributionId=identifier, Id=found)["Invalidation"]
    assert (done["Status"], done["InvalidationBatch"]["Paths"]["Items"]) == ("Completed", ["/*"])
    assert cdn.list_invalidations(DistributionId=identifier)["InvalidationList"]["Quantity"] == 1


def test_access_control_is_kept_while_it_is_used(cloud: Any, cdn: Any) -> None:
    given = sites.access_control()
    made = cdn.create_origin_access_control(OriginAccessControlConfig=given)
    control = made["OriginAccessControl"]["Id"]
    with refused("OriginAccessControlAlreadyExists"):
        cdn.create_origin_access_control(OriginAccessControlConfig=given)
    changed = cdn.update_origin_access_control(
        Id=control,
        IfMatch=made["ETag"],
        OriginAccessControlConfig={**given, "Description": "pages"},
    )
    assert changed["ETag"] != made["ETag"]
    shown = cdn.get_origin_access_control_config(Id=control)["OriginAccessControlConfig"]
    assert shown == {**given, "Description": "pages"}
    listed = cdn.list_origin_access_controls()["OriginAccessControlList"]["Items"]
    assert [(item["Id"], item["Name"]) for item in listed] == [(control, "pages")]
    site = create(cdn, origins=[s3_origin("pages", control)])
    with refused("OriginAccessControlInUse"):
        cdn.delete_origin_access_control(Id=control, IfMatch=changed["ETag"])
    off = update(cdn, site, Enabled=False)
    cloud.wait(2)
    cdn.delete_distribution(Id=site["Distribution"]["Id"], IfMatch=off["ETag"])
    cdn.delete_origin_access_control(Id=control, IfMatch=changed["ETag"])
    with refused("NoSuchOriginAccessControl"):
        cdn.get_origin_access_control(Id=control)


def test_function_is_edited_published_and_used(cloud: Any, cdn: Any) -> None:
    function = {"Comment": "", "Runtime": "cloudfront-js-2.0"}
    made = cdn.create_function(Name="f", FunctionConfig=function, FunctionCode=b"one")
    arn = made["FunctionSummary"]["FunctionMetadata"]["FunctionARN"]
    association = items({"FunctionARN": arn, "EventType": "viewer-request"})
    with refused("InvalidFunctionAssociation"):
        create(cdn, DefaultCacheBehavior=behavior(FunctionAssociations=association))
    with refused("NoSuchFunctionExists"):
        cdn.describe_function(Name="f", Stage="LIVE")
    cdn.publish_function(Name="f", IfMatch=made["ETag"])
    edited = cdn.update_function(
        Name="f", IfMatch=made["ETag"], FunctionConfig=function, FunctionCode=b"two"
    )
    assert cdn.get_function(Name="f", Stage="LIVE")["FunctionCode"].read() == b"one"
    assert cdn.get_function(Name="f")["FunctionCode"].read() == b"two"
    create(cdn, DefaultCacheBehavior=behavior(FunctionAssociations=association))
    described = cdn.describe_function(Name="f", Stage="LIVE")["FunctionSummary"]
    assert described["Status"] == "DEPLOYED"
    assert len(cdn.list_functions()["FunctionList"]["Items"]) == 2
    assert len(cdn.list_functions(Stage="LIVE")["FunctionList"]["Items"]) == 1
    with refused("FunctionInUse"):
        cdn.delete_function(Name="f", IfMatch=edited["ETag"])


def test_view_says_all_that_serving_needs(cloud: Any, cdn: Any) -> None:
    control = cdn.create_origin_access_control(OriginAccessControlConfig=sites.access_control())
    answer = cdn.create_response_headers_policy(
        ResponseHeadersPolicyConfig={
            "Name": "strict",
            "SecurityHeadersConfig": {
                "StrictTransportSecurity": {
                    "Override": True,
                    "AccessControlMaxAgeSec": 60,
                    "IncludeSubdomains": True,
                }
            },
            "CustomHeadersConfig": items({"Header": "X-A", "Value": "1", "Override": False}),
            "RemoveHeadersConfig": items({"Header": "X-Powered-By"}),
        }
    )["ResponseHeadersPolicy"]["Id"]
    public = {
        "Id": "app",
        "DomainName": "lb.test",
        "CustomHeaders": items({"HeaderName": "X-Key", "HeaderValue": "secret"}),
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 8443,
            "OriginProtocolPolicy": "https-only",
        },
    }
    made = create(
        cdn,
        origins=[s3_origin("pages", control["OriginAccessControl"]["Id"]), public],
        DefaultCacheBehavior=behavior(ResponseHeadersPolicyId=answer),
        CacheBehaviors=items(
            behavior(
                "app", CACHING_DISABLED, PathPattern="/api/*", OriginRequestPolicyId=ALL_VIEWER
            )
        ),
        CustomErrorResponses=items(
            {"ErrorCode": 404, "ResponsePagePath": "/404.html", "ResponseCode": "200"}
        ),
    )["Distribution"]
    (view,) = cloud.emulator.view().distributions
    assert (view.id, view.domain_name) == (made["Id"], made["DomainName"])
    assert (view.enabled, view.deployed, view.address) == (True, False, "198.18.0.16")
    bucket, server = view.origins
    assert (bucket.bucket, bucket.signed) == ("pages", True)
    assert (server.protocol, server.https_port, server.headers) == (
        "https-only",
        8443,
        (("X-Key", "secret"),),
    )
    api, pages = view.behaviors
    assert (api.pattern, api.request.headers.rule, api.request.cookies.rule) == (
        "/api/*",
        "all",
        "all",
    )
    assert (api.cache.max_ttl, pages.pattern, pages.cache.default_ttl) == (0, "*", 86400)
    assert [(h.name, h.value, h.override) for h in pages.answer.headers] == [
        ("Strict-Transport-Security", "max-age=60; includeSubDomains", True),
        ("X-A", "1", False),
    ]
    assert pages.answer.removed == ("X-Powered-By",)
    assert (view.error_pages[0].page, view.error_pages[0].answer_code) == ("/404.html", 200)


def test_each_distribution_has_an_address_of_its_own(cloud: Any, cdn: Any) -> None:
    create(cdn)
    create(cdn, reference="two")
    addresses = [view.address for view in cloud.emulator.view().distributions]
    assert addresses == ["198.18.0.16", "198.18.0.17"]
