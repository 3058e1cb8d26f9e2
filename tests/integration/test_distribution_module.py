"""A site in CloudFront: the module against an emulated CloudFront that objects where AWS does.

The tests build on each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integration.cloud import REGION, Cloud
from tests.unit.conftest import ModuleFailed

STACK = "demo"
NAME = f"chatlift-{STACK}"
DOMAIN = "chat.example.com"
HEADER = "not-to-be-seen"

Run = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)


def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(DOMAIN)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.public_bytes(serialization.Encoding.PEM), private


@pytest.fixture(scope="module")
def certificate_arn(cloud: Cloud) -> str:
    certificate, private = _certificate()
    acm = cloud.client("acm", region="us-east-1")
    arn: str = acm.import_certificate(Certificate=certificate, PrivateKey=private)["CertificateArn"]
    return arn


@pytest.fixture(scope="module")
def subnets(cloud: Cloud) -> list[str]:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    return [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.42.{number}.0/24", AvailabilityZone=f"{REGION}{letter}"
        )["Subnet"]["SubnetId"]
        for number, letter in enumerate("ab")
    ]


@pytest.fixture(scope="module")
def load_balancer(cloud: Cloud, subnets: list[str]) -> Callable[..., str]:
    def make(scheme: str, name: str = NAME) -> str:
        elb = cloud.client("elbv2")
        for old in elb.describe_load_balancers()["LoadBalancers"]:
            if old["LoadBalancerName"] == name:
                elb.delete_load_balancer(LoadBalancerArn=old["LoadBalancerArn"])
        made = elb.create_load_balancer(Name=name, Subnets=subnets, Scheme=scheme)
        arn: str = made["LoadBalancers"][0]["LoadBalancerArn"]
        return arn

    return make


@pytest.fixture
def site(run_module: Run, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Upload a front end with this text, and give what the distribution wants of it."""

    def upload(text: str) -> dict[str, Any]:
        (tmp_path / "index.html").write_text(text)
        uploaded = run_module("static_site", stack=STACK, directory=str(tmp_path))
        return {key: uploaded[key] for key in ("bucket", "release", "invalidate")}

    return upload


@pytest.fixture
def options(certificate_arn: str, site: Any) -> dict[str, Any]:
    return {
        "stack": STACK,
        "domain": DOMAIN,
        "certificate_arn": certificate_arn,
        "wait_timeout": 30,
        **site("1"),
    }


def _distribution(cloud: Cloud) -> dict[str, Any]:
    cloudfront = cloud.client("cloudfront")
    (summary,) = cloudfront.list_distributions()["DistributionList"]["Items"]
    described: dict[str, Any] = cloudfront.get_distribution(Id=summary["Id"])["Distribution"]
    return described


def _origins(cloud: Cloud) -> dict[str, Any]:
    origins = _distribution(cloud)["DistributionConfig"]["Origins"]["Items"]
    return {origin["Id"]: origin for origin in origins}


def _invalidated(cloud: Cloud) -> list[list[str]]:
    cloudfront = cloud.client("cloudfront")
    distribution = _distribution(cloud)["Id"]
    listed = cloudfront.list_invalidations(DistributionId=distribution)["InvalidationList"]
    found = [
        cloudfront.get_invalidation(DistributionId=distribution, Id=one["Id"])["Invalidation"]
        for one in listed.get("Items", [])
    ]
    return [one["InvalidationBatch"]["Paths"]["Items"] for one in found]


def test_without_a_load_balancer_it_says_what_comes_first(run_module: Run, options: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no load balancer chatlift-demo\. Run playbooks/app_t"):
        run_module("distribution", **options)


def test_what_was_not_made_cannot_be_awaited(run_module: Run, options: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no distribution chatlift-demo\. Run playbooks/edge"):
        run_module("distribution", stack=STACK, state="shown", release=options["release"])


def test_check_mode_makes_nothing(cloud: Cloud, run_module: Run, options: Any) -> None:
    planned = run_module("distribution", check=True, **options)
    assert planned["changed"]
    assert not planned["shown"]
    made = cloud.client("cloudfront").list_distributions()["DistributionList"]
    assert made["Quantity"] == 0


def test_an_internet_facing_load_balancer_is_no_vpc_origin(
    run_module: Run, options: Any, load_balancer: Any
) -> None:
    load_balancer("internet-facing")
    with pytest.raises(ModuleFailed, match="has to be internal, which cannot be changed"):
        run_module("distribution", **options)


def test_a_site_is_made_once(
    cloud: Cloud, run_module: Run, options: Any, load_balancer: Any
) -> None:
    load_balancer("internal")
    begun = run_module("distribution", **options, wait=False)
    assert begun["changed"]
    assert not begun["shown"]
    awaited = {key: options[key] for key in ("stack", "release", "invalidate", "wait_timeout")}
    assert run_module("distribution", **awaited, state="shown")["shown"]
    again = run_module("distribution", **options)
    assert not again["changed"], again["diff"]
    assert again["domain_name"] == _distribution(cloud)["DomainName"]
    assert _invalidated(cloud) == []


def test_the_application_gets_everything_of_the_viewer_and_nothing_is_kept(cloud: Cloud) -> None:
    config = _distribution(cloud)["DistributionConfig"]
    behaviors = {one["PathPattern"]: one for one in config["CacheBehaviors"]["Items"]}
    assert list(behaviors) == ["/ws*", "/socket.io/*", "/api/*"]
    cloudfront = cloud.client("cloudfront")
    for behavior in behaviors.values():
        cache = cloudfront.get_cache_policy(Id=behavior["CachePolicyId"])["CachePolicy"]
        assert cache["CachePolicyConfig"]["Name"] == "Managed-CachingDisabled"
        request = cloudfront.get_origin_request_policy(Id=behavior["OriginRequestPolicyId"])
        kept = request["OriginRequestPolicy"]["OriginRequestPolicyConfig"]
        assert kept["Name"] == "Managed-AllViewer"
        assert "POST" in behavior["AllowedMethods"]["Items"]


def test_viewers_get_modern_tls_and_http(cloud: Cloud) -> None:
    config = _distribution(cloud)["DistributionConfig"]
    assert config["HttpVersion"] == "http2and3"
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["DefaultCacheBehavior"]["Compress"]
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"


def test_only_this_distribution_reads_the_bucket(cloud: Cloud, options: Any) -> None:
    policy = cloud.client("s3").get_bucket_policy(Bucket=options["bucket"])["Policy"]
    (allowed,) = [one for one in json.loads(policy)["Statement"] if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    arn = _distribution(cloud)["ARN"]
    assert allowed["Condition"] == {"StringEquals": {"AWS:SourceArn": arn}}
    assert _origins(cloud)["site"]["OriginAccessControlId"]


def test_uploading_again_leaves_the_policy_alone(run_module: Run, options: Any) -> None:
    assert not run_module("distribution", **options)["changed"]


def test_another_release_is_switched_to_and_then_the_old_one_forgotten(
    cloud: Cloud, run_module: Run, options: Any, site: Any
) -> None:
    newer = {**options, **site("2")}
    begun = run_module("distribution", **newer, wait=False)
    assert not begun["shown"]
    assert _origins(cloud)["site"]["OriginPath"] == f"/releases/{newer['release']}"
    assert _invalidated(cloud) == []
    assert run_module("distribution", **newer)["shown"]
    assert _invalidated(cloud) == [["/", "/index.html"]]
    assert not run_module("distribution", **newer)["changed"]


def test_what_was_changed_by_hand_is_put_right(cloud: Cloud, run_module: Run, options: Any) -> None:
    run_module("distribution", **options)
    cloudfront, distribution = cloud.client("cloudfront"), _distribution(cloud)["Id"]
    answer = cloudfront.get_distribution_config(Id=distribution)
    config = {**answer["DistributionConfig"], "HttpVersion": "http1.1"}
    cloudfront.update_distribution(
        Id=distribution, IfMatch=answer["ETag"], DistributionConfig=config
    )
    mended = run_module("distribution", **options)
    assert mended["diff"]["before"]["distribution"] == {"HttpVersion": "http1.1"}
    assert mended["diff"]["after"]["distribution"] == {"HttpVersion": "http2and3"}


def _policy_headers(cloud: Cloud) -> dict[str, Any]:
    """The security headers that every behavior of the distribution adds."""
    config = _distribution(cloud)["DistributionConfig"]
    behaviors = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]["Items"]]
    (policy,) = {one["ResponseHeadersPolicyId"] for one in behaviors}
    found = cloud.client("cloudfront").get_response_headers_policy(Id=policy)
    config = found["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]
    assert config["Name"] == NAME
    return dict(config["SecurityHeadersConfig"])


def test_pages_may_load_what_is_said_and_the_header_can_go_again(
    cloud: Cloud, run_module: Run, options: Any
) -> None:
    run_module("distribution", **options)
    others = _policy_headers(cloud)
    assert "ContentSecurityPolicy" not in others
    strict = {**options, "content_security_policy": "default-src 'self'"}
    changed = run_module("distribution", **strict)
    assert list(changed["diff"]["after"]) == ["response-headers policy"]
    assert _policy_headers(cloud) == {
        **others,
        "ContentSecurityPolicy": {"Override": False, "ContentSecurityPolicy": "default-src 'self'"},
    }
    assert not run_module("distribution", **strict)["changed"]
    assert run_module("distribution", **options)["changed"]
    assert _policy_headers(cloud) == others


def test_errors_have_pages_and_temporary_ones_are_not_kept(
    cloud: Cloud, run_module: Run, options: Any
) -> None:
    pages = [{"code": 503, "page": "/busy.html"}, {"code": 404, "page": "/none.html"}]
    run_module("distribution", **options, error_pages=pages)
    errors = _distribution(cloud)["DistributionConfig"]["CustomErrorResponses"]["Items"]
    assert {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in errors} == {
        404: 0,
        500: 0,
        502: 0,
        503: 0,
        504: 0,
    }
    (busy,) = [one for one in errors if one["ErrorCode"] == 503]
    assert (busy["ResponsePagePath"], busy["ResponseCode"]) == ("/busy.html", "503")
    assert not run_module("distribution", **options, error_pages=pages)["changed"]


def test_a_web_acl_comes_and_goes(cloud: Cloud, run_module: Run, options: Any) -> None:
    wafv2 = cloud.client("wafv2", region="us-east-1")
    run_module("distribution", **options, web_acl=True)
    (made,) = wafv2.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    assert _distribution(cloud)["DistributionConfig"]["WebACLId"] == made["ARN"]
    assert not run_module("distribution", **options, web_acl=True)["changed"]
    stricter = run_module("distribution", **options, web_acl=True, rate_limit=100)
    assert list(stricter["diff"]["after"]) == ["web ACL"]
    run_module("distribution", **options)
    assert not _distribution(cloud)["DistributionConfig"]["WebACLId"]
    assert not wafv2.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]


def test_a_new_load_balancer_gets_a_vpc_origin_of_its_own(
    cloud: Cloud, run_module: Run, options: Any, load_balancer: Any
) -> None:
    arn = load_balancer("internal")
    run_module("distribution", **options)
    listed = cloud.client("cloudfront").list_vpc_origins()["VpcOriginList"]["Items"]
    assert [one["OriginEndpointArn"] for one in listed] == [arn]


def test_a_public_load_balancer_is_shown_a_header_that_nobody_else_sees(
    cloud: Cloud, run_module: Run, options: Any, load_balancer: Any
) -> None:
    load_balancer("internet-facing")
    public = {**options, "origin": "public"}
    with pytest.raises(ModuleFailed, match=r"no secret chatlift/demo/edge .*secrets\.yml first"):
        run_module("distribution", **public)
    secrets, name = cloud.client("secretsmanager"), f"chatlift/{STACK}/edge"
    secrets.create_secret(Name=name, SecretString=json.dumps({"origin_header": HEADER}))
    changed = run_module("distribution", **public)
    assert HEADER not in json.dumps(changed)
    backend = _origins(cloud)["backend"]
    assert backend["CustomHeaders"]["Items"] == [
        {"HeaderName": "X-Chatlift-Origin", "HeaderValue": HEADER}
    ]
    assert backend["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert not cloud.client("cloudfront").list_vpc_origins()["VpcOriginList"]["Quantity"]
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps({"origin_header": "newer"}))
    renewed = run_module("distribution", **public)
    assert renewed["changed"]
    assert HEADER not in json.dumps(renewed)


def test_a_domain_of_another_distribution_is_refused(
    run_module: Run, options: Any, load_balancer: Any
) -> None:
    load_balancer("internal", "chatlift-other")
    with pytest.raises(ModuleFailed, match=r"Another distribution.* serves chat\.example\.com"):
        run_module("distribution", **{**options, "stack": "other"})


def test_absent_leaves_nothing(
    cloud: Cloud, run_module: Run, options: Any, load_balancer: Any
) -> None:
    load_balancer("internal")
    run_module("distribution", **options)
    absent = {"stack": STACK, "state": "absent", "wait_timeout": 30}
    assert run_module("distribution", **absent, wait=False)["changed"]
    assert not _distribution(cloud)["DistributionConfig"]["Enabled"]
    assert run_module("distribution", **absent)["changed"]
    cloudfront = cloud.client("cloudfront")
    assert not cloudfront.list_distributions()["DistributionList"]["Quantity"]
    left = cloudfront.list_vpc_origins()["VpcOriginList"].get("Items", [])
    assert not [one for one in left if one["Name"].startswith(NAME)]
    listed = cloudfront.list_origin_access_controls()["OriginAccessControlList"]
    assert NAME not in [one["Name"] for one in listed.get("Items", [])]
    listed = cloudfront.list_response_headers_policies(Type="custom")
    policies = [
        one["ResponseHeadersPolicy"]["ResponseHeadersPolicyConfig"]["Name"]
        for one in listed["ResponseHeadersPolicyList"].get("Items", [])
    ]
    assert NAME not in policies
    assert not run_module("distribution", **absent)["changed"]
