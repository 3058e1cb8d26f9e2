"""A domain's records and health check, against an emulated account."""

from __future__ import annotations

from typing import Any

import pytest

from ...conftest import STACK, ModuleFailed

OPTIONS = {
    "stack": STACK,
    "domain": "chat.example.com",
    "zone": "example.com",
    "distribution": "d111111abcdef8.cloudfront.net",
    "health_check_path": "/",
}


@pytest.fixture
def zone(aws: Any) -> str:
    made = aws("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    return str(made["HostedZone"]["Id"])


def _aliases(aws: Any, zone: str) -> dict[str, str]:
    listed = aws("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return {
        f"{one['Name']} {one['Type']}": one["AliasTarget"]["DNSName"]
        for one in listed
        if "AliasTarget" in one
    }


def _checks(aws: Any) -> list[dict[str, Any]]:
    return [one["HealthCheckConfig"] for one in aws("route53").list_health_checks()["HealthChecks"]]


def test_the_domain_leads_to_the_distribution(aws: Any, zone: str, run_module: Any) -> None:
    made = run_module("site_address", **OPTIONS)
    assert made["changed"]
    assert {key: name.rstrip(".") for key, name in _aliases(aws, zone).items()} == {
        "chat.example.com. A": OPTIONS["distribution"],
        "chat.example.com. AAAA": OPTIONS["distribution"],
    }
    again = run_module("site_address", **OPTIONS)
    assert not again["changed"], again["diff"]
    assert again["health_check_id"] == made["health_check_id"]


def test_another_distribution_replaces_both_records(aws: Any, zone: str, run_module: Any) -> None:
    run_module("site_address", **OPTIONS)
    changed = run_module("site_address", **{**OPTIONS, "distribution": "d2.cloudfront.net"})
    assert changed["diff"]["after"]["records of example.com"] == [
        "chat.example.com A d2.cloudfront.net",
        "chat.example.com AAAA d2.cloudfront.net",
    ]
    assert {name.rstrip(".") for name in _aliases(aws, zone).values()} == {"d2.cloudfront.net"}


@pytest.mark.usefixtures("zone")
def test_the_site_is_asked_as_viewers_ask_it(aws: Any, run_module: Any) -> None:
    run_module("site_address", **OPTIONS)
    (check,) = _checks(aws)
    assert check["Type"] == "HTTPS"
    assert check["FullyQualifiedDomainName"] == OPTIONS["domain"]
    assert check["EnableSNI"]


@pytest.mark.usefixtures("zone")
def test_another_path_changes_the_check_and_none_deletes_it(aws: Any, run_module: Any) -> None:
    made = run_module("site_address", **OPTIONS)
    changed = run_module("site_address", **{**OPTIONS, "health_check_path": "/api/health"})
    assert changed["health_check_id"] == made["health_check_id"]
    assert [one["ResourcePath"] for one in _checks(aws)] == ["/api/health"]
    assert run_module("site_address", **{**OPTIONS, "health_check_path": ""})["changed"]
    assert not _checks(aws)


def test_check_mode_makes_nothing(aws: Any, zone: str, run_module: Any) -> None:
    assert run_module("site_address", check=True, **OPTIONS)["changed"]
    assert not _aliases(aws, zone)
    assert not _checks(aws)


def test_without_a_zone_it_says_what_to_set(aws: Any, run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no public hosted zone example\.com"):
        run_module("site_address", **OPTIONS)


def test_absent_leaves_a_domain_that_has_moved_on(aws: Any, zone: str, run_module: Any) -> None:
    run_module("site_address", **OPTIONS)
    record = {
        "Name": OPTIONS["domain"],
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.7"}],
    }
    aws("route53").change_resource_record_sets(
        HostedZoneId=zone,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
    )
    assert run_module("site_address", **OPTIONS, state="absent")["changed"]
    found = aws("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    mine = [one for one in found if one["Name"].rstrip(".") == OPTIONS["domain"]]
    assert [one["Type"] for one in mine] == ["A"]
    assert not run_module("site_address", **OPTIONS, state="absent")["changed"]


def test_absent_leaves_neither_records_nor_check(aws: Any, zone: str, run_module: Any) -> None:
    run_module("site_address", **OPTIONS)
    assert run_module("site_address", **OPTIONS, state="absent")["changed"]
    assert not _aliases(aws, zone)
    assert not _checks(aws)
    assert not run_module("site_address", **OPTIONS, state="absent")["changed"]
