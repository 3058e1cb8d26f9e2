"""Hosted zones: what a change may ask for, and what the DNS is told of them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

ADDRESS = {
    "Name": "a.demo.test",
    "Type": "A",
    "TTL": 60,
    "ResourceRecords": [{"Value": "192.0.2.1"}],
}
ALIAS = {
    "Name": "chat.demo.test",
    "Type": "A",
    "AliasTarget": {
        "HostedZoneId": "Z2FDTNDATAQYW2",
        "DNSName": "d1.cloudfront.net",
        "EvaluateTargetHealth": False,
    },
}


class Zone:
    """A public zone demo.test."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.route53 = cloud.client("route53")
        made = self.route53.create_hosted_zone(Name="demo.test", CallerReference="1")
        self.id = made["HostedZone"]["Id"]
        self.servers = made["DelegationSet"]["NameServers"]

    def change(self, *changes: tuple[str, dict[str, Any]]) -> None:
        batch = [{"Action": action, "ResourceRecordSet": given} for action, given in changes]
        self.route53.change_resource_record_sets(
            HostedZoneId=self.id, ChangeBatch={"Changes": batch}
        )

    def refused(self, *changes: tuple[str, dict[str, Any]]) -> str:
        """What is said of a batch of which nothing is carried out."""
        before = self.records()
        with pytest.raises(ClientError) as error:
            self.change(*changes)
        assert self.records() == before
        told = error.value.response["Error"]
        return f"{told['Code']}: {told['Message']}"

    def records(self) -> list[dict[str, Any]]:
        """All but those the zone is made with."""
        listed = self.route53.list_resource_record_sets(HostedZoneId=self.id)
        return [one for one in listed["ResourceRecordSets"] if one["Type"] not in ("NS", "SOA")]


@pytest.fixture
def zone(cloud: Any) -> Zone:
    return Zone(cloud)


def test_the_dns_is_told_of_public_zones_and_their_records(zone: Zone) -> None:
    zone.cloud.network()
    zone.route53.create_hosted_zone(
        Name="inside.test", CallerReference="2", HostedZoneConfig={"PrivateZone": True}
    )
    zone.change(("CREATE", {**ADDRESS, "Name": "A.Demo.test"}), ("CREATE", ALIAS))
    (view,) = zone.cloud.emulator.view().hosted_zones
    assert view.name == "demo.test."
    found = {(one.name, one.type): one for one in view.records}
    assert found["demo.test.", "NS"].values == tuple(f"{server}." for server in zone.servers)
    assert found["demo.test.", "SOA"].values == (
        f"{zone.servers[0]}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
    )
    assert (found["a.demo.test.", "A"].values, found["a.demo.test.", "A"].ttl) == (
        ("192.0.2.1",),
        60,
    )
    assert found["chat.demo.test.", "A"].alias == "d1.cloudfront.net."


def test_what_is_no_name_gets_no_zone(cloud: Any) -> None:
    with pytest.raises(ClientError, match="InvalidDomainName"):
        cloud.client("route53").create_hosted_zone(Name="demo..test", CallerReference="1")


def test_names_are_listed_in_lower_case_and_with_a_dot(zone: Zone) -> None:
    zone.change(("CREATE", {**ADDRESS, "Name": "A.Demo.test"}), ("CREATE", ALIAS))
    address, alias = zone.records()
    assert address["Name"] == "a.demo.test."
    assert alias["AliasTarget"]["DNSName"] == "d1.cloudfront.net."


def test_what_is_listed_can_be_deleted(zone: Zone) -> None:
    zone.change(("CREATE", ADDRESS), ("CREATE", ALIAS))
    zone.change(*(("DELETE", one) for one in zone.records()))
    assert zone.records() == []


@pytest.mark.parametrize(
    ("action", "given", "said"),
    [
        ("CREATE", ADDRESS, "a.demo.test.', type='A'] but it already exists"),
        ("DELETE", {**ADDRESS, "Name": "b.demo.test"}, "b.demo.test.', type='A'] but it was not"),
        ("DELETE", {**ADDRESS, "TTL": 61}, "do not match the current ones"),
        ("UPSERT", {**ADDRESS, "Name": "a.notdemo.test"}, "is not permitted in zone demo.test."),
        ("UPSERT", {**ADDRESS, "ResourceRecords": [{"Value": "192.0.2"}]}, "SyntaxError"),
        ("UPSERT", {"Name": "a.demo.test", "Type": "A", "TTL": 60}, "belong together"),
        ("UPSERT", {**ADDRESS, "Type": "B"}, "UnknownRdatatype"),
        ("UPSERT", {**ADDRESS, "Name": "a..demo.test"}, "EmptyLabel"),
        ("UPSERT", {**ALIAS, "Name": "a..demo.test"}, "EmptyLabel"),
        ("UPSERT", {**ADDRESS, "Type": "CNAME"}, "conflicts with other records"),
        ("UPSERT", {**ADDRESS, "Name": "demo.test", "Type": "CNAME"}, "conflicts with other"),
    ],
)
def test_one_wrong_change_spoils_the_batch(
    zone: Zone, action: str, given: dict[str, Any], said: str
) -> None:
    zone.change(("CREATE", ADDRESS))
    other = ("CREATE", {**ADDRESS, "Name": "other.demo.test"})
    why = zone.refused(other, (action, given))
    assert why.startswith("InvalidChangeBatch: [")
    assert said in why


def test_a_record_that_was_deleted_cannot_be_deleted_again(zone: Zone) -> None:
    zone.change(("CREATE", ADDRESS))
    zone.change(("DELETE", ADDRESS))
    assert "but it was not found" in zone.refused(("DELETE", ADDRESS))


def test_a_zone_keeps_its_own_records(zone: Zone) -> None:
    listed = zone.route53.list_resource_record_sets(HostedZoneId=zone.id)["ResourceRecordSets"]
    for one in listed:
        assert f"must contain its own {one['Type']} record" in zone.refused(("DELETE", one))


def test_a_record_can_take_the_place_of_another_in_one_batch(zone: Zone) -> None:
    zone.change(("CREATE", ADDRESS))
    alias = {**ADDRESS, "Type": "CNAME", "ResourceRecords": [{"Value": "www.example.org"}]}
    zone.change(("DELETE", ADDRESS), ("CREATE", alias))
    assert [one["Type"] for one in zone.records()] == ["CNAME"]


def test_routing_policies_are_refused(zone: Zone) -> None:
    weighted = {**ADDRESS, "SetIdentifier": "one", "Weight": 1}
    assert "InvalidInput: The rehearsal knows simple" in zone.refused(("UPSERT", weighted))
