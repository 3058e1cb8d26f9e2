"""The edge by its playbook, before a load balancer that somebody else made. The tests build on each
other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import Outcome, run_playbook
from tests.integration.cloud import REGION, Cloud

STACK = "demo"
NAME = f"chatlift-{STACK}"
DOMAIN = "chat.demo.test"


@pytest.fixture(scope="module")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("frontend")
    (directory / "index.html").write_text("1")
    (directory / "busy.html").write_text("Come back soon.")
    return directory


@pytest.fixture(scope="module")
def play(cloud: Cloud, front_end: Path) -> Any:
    """Run a playbook in the account of this module; ``ok`` is what it has to end with."""
    given = {
        "chatlift_environment": cloud.environment,
        "chatlift_domain": DOMAIN,
        "chatlift_frontend_dir": str(front_end),
        "edge_error_pages": [{"code": 503, "page": "/busy.html"}],
        "edge_resolvers": ["127.0.0.1"],
        "edge_timeout": 60,
        "network_ingress": "cloudfront",
    }

    def run(name: str, *arguments: str, ok: bool = True, **variables: Any) -> Outcome:
        outcome = run_playbook(name, *arguments, variables={**given, **variables})
        assert (outcome.code == 0) == ok, outcome.text
        return outcome

    return run


def _records(cloud: Cloud) -> dict[str, str]:
    """Where the names of the zone lead."""
    route53 = cloud.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    listed = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {
        f"{one['Name'].rstrip('.')} {one['Type']}": one["AliasTarget"]["DNSName"].rstrip(".")
        for one in listed
        if "AliasTarget" in one
    }


def _distributions(cloud: Cloud) -> list[dict[str, Any]]:
    listed = cloud.client("cloudfront").list_distributions()["DistributionList"]
    return list(listed.get("Items", []))


def _certificates(cloud: Cloud) -> dict[str, int]:
    return {
        region: len(
            cloud.client("acm", region=region).list_certificates()["CertificateSummaryList"]
        )
        for region in (REGION, "us-east-1")
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"chatlift_domain": "https://chat.demo.test"}, "which is no domain name"),
        ({"edge_zone": "example.com"}, "is not in it. Set edge_zone"),
        ({"chatlift_frontend_dir": "/etc"}, "there is no index.html in it"),
        ({"edge_error_pages": [{"code": 404, "page": "/none.html"}]}, "does not have: "),
        ({"edge_backend_paths": ["api/*"]}, "Let every pattern begin with a slash"),
        ({"network_ingress": "direct"}, "Set it to cloudfront"),
        ({"edge_zone_create": False}, "has no public hosted zone demo.test"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_made(
    cloud: Cloud, play: Any, wrong: dict[str, Any], said: str
) -> None:
    assert said in play("edge", ok=False, **wrong).messages[0]
    assert not cloud.client("s3").list_buckets()["Buckets"]
    assert _certificates(cloud) == {REGION: 0, "us-east-1": 0}


def test_check_mode_foretells_the_edge_of_a_new_stack(cloud: Cloud, play: Any) -> None:
    assert play("edge", "--check").changed
    assert not cloud.client("s3").list_buckets()["Buckets"]


def test_without_a_load_balancer_it_says_what_comes_first(play: Any) -> None:
    assert "Run playbooks/app_tier.yml first." in play("edge", ok=False).messages[0]


def test_the_edge_is_made_once(cloud: Cloud, play: Any) -> None:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.42.{number}.0/24", AvailabilityZone=f"{REGION}{letter}"
        )["Subnet"]["SubnetId"]
        for number, letter in enumerate("ab")
    ]
    cloud.client("elbv2").create_load_balancer(Name=NAME, Subnets=subnets, Scheme="internal")
    play("edge")
    (distribution,) = _distributions(cloud)
    assert distribution["Status"] == "Deployed"
    assert distribution["Aliases"]["Items"] == [DOMAIN]
    assert _records(cloud) == {
        f"{DOMAIN} A": distribution["DomainName"],
        f"{DOMAIN} AAAA": distribution["DomainName"],
    }
    assert play("edge").changed == []
    assert play("edge", "--check").changed == []


def test_a_new_front_end_changes_the_distribution_alone(play: Any, front_end: Path) -> None:
    (front_end / "index.html").write_text("2")
    changed = [change.rpartition(" : ")[2] for change in play("edge").changed]
    assert changed == [
        "Upload the release",
        "Make the distribution, or switch it to the release",
        "Wait until every edge location shows the release",
    ]
