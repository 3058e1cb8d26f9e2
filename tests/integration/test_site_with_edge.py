"""The life of a stack that has a domain, on the emulated API. The tests build on each other."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.integration.ansible import REPOSITORY, WITH_EDGE
from tests.integration.cloud import REGION, Cloud
from tests.unit.policy import several

STACK = "demo"
REFERENCE = REPOSITORY / "docs" / "reference"
POLICIES = sorted(REFERENCE.glob("controller-policy*.json"))
EDGE = {**WITH_EDGE, "edge_timeout": 60}


def _balancer(cloud: Cloud) -> dict[str, Any]:
    (balancer,) = cloud.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return dict(balancer)


def test_check_mode_foretells_it(cloud: Cloud, play: Any) -> None:
    planned = play("site", "--check", **EDGE).changed
    assert any("Make the distribution" in change for change in planned)
    assert not cloud.client("s3").list_buckets()["Buckets"]


@pytest.mark.usefixtures("images")
def test_site_makes_it_with_its_edge(cloud: Cloud, play: Any) -> None:
    play("site", **EDGE)
    (distribution,) = cloud.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    assert distribution["Status"] == "Deployed"
    balancer = _balancer(cloud)
    assert balancer["Scheme"] == "internal"
    backend = next(one for one in distribution["Origins"]["Items"] if one["Id"] == "backend")
    assert backend["DomainName"] == balancer["DNSName"]


def test_the_load_balancer_speaks_https_with_the_certificate_of_its_region(cloud: Cloud) -> None:
    listeners = cloud.client("elbv2").describe_listeners(
        LoadBalancerArn=_balancer(cloud)["LoadBalancerArn"]
    )["Listeners"]
    secure = next(one for one in listeners if one["Port"] == 443)
    (certificate,) = secure["Certificates"]
    assert certificate["CertificateArn"].split(":")[3] == REGION


def test_a_second_run_changes_nothing(play: Any) -> None:
    assert play("site", **EDGE).changed == []


def test_a_stage_by_itself_changes_nothing(play: Any) -> None:
    assert play("app_tier", **EDGE).changed == []
    assert play("edge", **EDGE).changed == []


def test_status_shows_the_domain(play: Any) -> None:
    shown = play("status", **EDGE).result("app-group", "Show them")["msg"]
    assert shown["url"] == f"https://{EDGE['chatlift_domain']}"


def test_destroy_keeps_logs_and_zone_unless_told_twice(cloud: Cloud, play: Any) -> None:
    play("destroy", confirm=STACK, **EDGE)
    assert not cloud.client("cloudfront").list_distributions()["DistributionList"]["Quantity"]
    assert not cloud.client("acm").list_certificates()["CertificateSummaryList"]
    (bucket,) = cloud.client("s3").list_buckets()["Buckets"]
    assert bucket["Name"].startswith(f"chatlift-{STACK}-logs-")
    assert cloud.client("route53").list_hosted_zones()["HostedZones"]

    play(
        "destroy",
        confirm=STACK,
        confirm_data=STACK,
        destroy_data=True,
        secrets_recovery_days=0,
        **EDGE,
    )
    assert not cloud.client("s3").list_buckets()["Buckets"]
    assert not cloud.client("route53").list_hosted_zones()["HostedZones"]


def test_the_documented_policies_of_the_controller_allow_all_that_was_asked_for(
    cloud: Cloud,
) -> None:
    patterns = [
        pattern.lower()
        for policy in POLICIES
        for statement in json.loads(policy.read_text())["Statement"]
        for pattern in several(statement["Action"])
    ]
    assert {call.partition(":")[0] for call in cloud.calls} >= {"acm", "cloudfront", "route53"}
    assert not [
        call
        for call in sorted(cloud.calls)
        if not any(fnmatchcase(call.lower(), pattern) for pattern in patterns)
    ]
