"""A domain's certificates, against an emulated account whose ACM looks for the record."""

from __future__ import annotations

from typing import Any

import boto3
import dns.resolver
import pytest
from moto import settings
from moto.acm.models import CertBundle

from ...conftest import REGION, STACK, ModuleFailed

REGIONS = ["us-east-1", REGION]
OPTIONS = {
    "stack": STACK,
    "domain": "chat.example.com",
    "zone": "example.com",
    "regions": REGIONS,
    "wait_timeout": 0,
}


def _acm(region: str) -> Any:
    return boto3.client("acm", region_name=region)


def _statuses() -> dict[str, list[str]]:
    return {
        region: [
            _acm(region).describe_certificate(CertificateArn=one["CertificateArn"])["Certificate"][
                "Status"
            ]
            for one in _acm(region).list_certificates()["CertificateSummaryList"]
        ]
        for region in REGIONS
    }


def _validation_records(aws: Any, zone: dict[str, Any]) -> list[str]:
    listed = aws("route53").list_resource_record_sets(HostedZoneId=zone["HostedZone"]["Id"])
    return [one["Name"] for one in listed["ResourceRecordSets"] if one["Type"] == "CNAME"]


@pytest.fixture
def zone(aws: Any) -> dict[str, Any]:
    return aws("route53").create_hosted_zone(Name="example.com", CallerReference="1")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, zone: dict[str, Any]) -> list[str]:
    """The name servers that the world is told of; empty for a resolver that does not answer."""
    servers = list(zone["DelegationSet"]["NameServers"])

    class Record:
        def __init__(self, name: str) -> None:
            self.target = f"{name}."

    def resolve(_resolver: Any, _name: str, _kind: str) -> list[Record]:
        if not servers:
            raise dns.resolver.LifetimeTimeout(timeout=5, errors=[])
        if servers == ["nobody"]:
            raise dns.resolver.NXDOMAIN
        return [Record(server) for server in servers]

    monkeypatch.setattr(dns.resolver.Resolver, "resolve", resolve)
    return servers


@pytest.fixture(autouse=True)
def _acm_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", 1000)


@pytest.mark.usefixtures("world")
def test_one_is_requested_in_every_region_with_one_record_for_all(
    aws: Any, zone: Any, run_module: Any
) -> None:
    made = run_module("certificate", **OPTIONS)
    assert made["changed"]
    assert sorted(made["arns"]) == sorted(REGIONS)
    assert set(made["statuses"].values()) == {"PENDING_VALIDATION"}
    assert len(_validation_records(aws, zone)) == 1
    again = run_module("certificate", **OPTIONS)
    assert not again["changed"], again["diff"]
    assert again["arns"] == made["arns"]


@pytest.mark.usefixtures("world", "zone")
def test_waiting_ends_with_issued_certificates(
    monkeypatch: pytest.MonkeyPatch, run_module: Any
) -> None:
    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", 0)
    made = run_module("certificate", **{**OPTIONS, "wait": True, "wait_timeout": 30})
    assert set(made["statuses"].values()) == {"ISSUED"}


@pytest.mark.usefixtures("world")
def test_a_wait_in_vain_names_the_name_servers(zone: Any, run_module: Any) -> None:
    server = zone["DelegationSet"]["NameServers"][0]
    with pytest.raises(ModuleFailed, match=rf"Waited 0 s .* set the name servers .*{server}"):
        run_module("certificate", **OPTIONS, wait=True)


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("servers", "said"),
    [
        (["nobody"], "Nobody is delegated the zone example.com. At the registrar"),
        (["ns1.elsewhere.test"], "is not the one that the world asks: its name servers are ns1."),
    ],
)
def test_a_zone_that_the_world_does_not_ask_is_refused_before_a_request(
    world: list[str], servers: list[str], said: str, run_module: Any
) -> None:
    world[:] = servers
    with pytest.raises(ModuleFailed, match=said):
        run_module("certificate", **OPTIONS)
    assert _statuses() == {region: [] for region in REGIONS}


@pytest.mark.usefixtures("zone")
def test_a_resolver_that_does_not_answer_proves_nothing(world: list[str], run_module: Any) -> None:
    world.clear()
    assert run_module("certificate", **OPTIONS)["changed"]


def test_without_a_zone_it_says_what_to_set(aws: Any, run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no public hosted zone example\.com.*edge_zone_create"):
        run_module("certificate", **OPTIONS)


@pytest.mark.usefixtures("world", "zone")
def test_check_mode_requests_nothing(run_module: Any) -> None:
    planned = run_module("certificate", check=True, **OPTIONS)
    assert planned["changed"]
    assert set(planned["statuses"].values()) == {"(known after apply)"}
    assert _statuses() == {region: [] for region in REGIONS}


def test_check_mode_foretells_what_a_new_zone_gets(aws: Any, run_module: Any) -> None:
    planned = run_module("certificate", check=True, **OPTIONS)
    assert sorted(planned["diff"]["after"]) == [f"certificate in {one}" for one in sorted(REGIONS)]


@pytest.mark.usefixtures("world", "zone")
def test_the_certificate_of_another_stack_is_left_alone(run_module: Any) -> None:
    other = run_module("certificate", **{**OPTIONS, "stack": "other"})
    mine = run_module("certificate", **OPTIONS)
    assert not set(other["arns"].values()) & set(mine["arns"].values())


@pytest.mark.usefixtures("world", "zone")
def test_a_refused_certificate_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, run_module: Any
) -> None:
    run_module("certificate", **OPTIONS)
    describe = CertBundle.describe

    def refused(bundle: CertBundle) -> Any:
        answer = describe(bundle)
        answer["Certificate"] |= {"Status": "FAILED", "FailureReason": "CAA_ERROR"}
        return answer

    monkeypatch.setattr(CertBundle, "describe", refused)
    with pytest.raises(ModuleFailed, match="is FAILED, with the reason CAA_ERROR"):
        run_module("certificate", **OPTIONS)


@pytest.mark.usefixtures("world")
def test_absent_leaves_neither_certificate_nor_record(aws: Any, zone: Any, run_module: Any) -> None:
    run_module("certificate", **OPTIONS)
    assert run_module("certificate", **OPTIONS, state="absent")["changed"]
    assert _statuses() == {region: [] for region in REGIONS}
    assert not _validation_records(aws, zone)
    assert not run_module("certificate", **OPTIONS, state="absent")["changed"]


@pytest.mark.usefixtures("world")
def test_absent_leaves_the_record_that_another_certificate_needs(
    aws: Any, zone: Any, run_module: Any
) -> None:
    run_module("certificate", **{**OPTIONS, "stack": "other"})
    run_module("certificate", **OPTIONS)
    run_module("certificate", **OPTIONS, state="absent")
    assert len(_validation_records(aws, zone)) == 1
