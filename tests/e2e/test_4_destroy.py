"""A stack is taken down and made again: its data comes back, or, when told twice, nothing stays."""

from __future__ import annotations

import pytest

from tests.e2e.conversation import Ledger, talking
from tests.e2e.stack import Stack
from tests.e2e.visitor import address_of


def _resources(stack: Stack) -> dict[str, list[str]]:
    """What of the stack exists, by kind; images and key pairs are not a stack's.

    Of the hosted zone's records those of the zone itself are left out.
    """
    ec2, tagged = stack.client("ec2"), [{"Name": "tag:chatlift:stack", "Values": [stack.name]}]
    name = f"chatlift-{stack.name}"
    found = {
        "instances": [i.id for i in stack.instances()],
        "volumes": [v["VolumeId"] for v in ec2.describe_volumes(Filters=tagged)["Volumes"]],
        "networks": [v["VpcId"] for v in ec2.describe_vpcs(Filters=tagged)["Vpcs"]],
        "interfaces": [
            i["NetworkInterfaceId"]
            for i in ec2.describe_network_interfaces(Filters=tagged)["NetworkInterfaces"]
        ],
        "addresses": [a["PublicIp"] for a in ec2.describe_addresses(Filters=tagged)["Addresses"]],
        "launch templates": [
            t["LaunchTemplateName"]
            for t in ec2.describe_launch_templates()["LaunchTemplates"]
            if t["LaunchTemplateName"].startswith(name)
        ],
        "groups": [
            g["AutoScalingGroupName"]
            for g in stack.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
        ],
        "load balancers": [
            b["LoadBalancerName"]
            for b in stack.client("elbv2").describe_load_balancers()["LoadBalancers"]
        ],
        "target groups": [
            g["TargetGroupName"]
            for g in stack.client("elbv2").describe_target_groups()["TargetGroups"]
        ],
        "roles": [
            r["RoleName"]
            for r in stack.client("iam").list_roles()["Roles"]
            if r["RoleName"].startswith(name)
        ],
        "secrets": [s["Name"] for s in stack.client("secretsmanager").list_secrets()["SecretList"]],
        **_edge(stack),
    }
    return {kind: names for kind, names in found.items() if names}


def _edge(stack: Stack) -> dict[str, list[str]]:
    """What is between visitors and the load balancer."""
    cdn, route53, s3 = (stack.client(name) for name in ("cloudfront", "route53", "s3"))
    zones = route53.list_hosted_zones()["HostedZones"]
    buckets = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    policies = cdn.list_response_headers_policies(Type="custom")["ResponseHeadersPolicyList"]
    return {
        "distributions": [
            d["Id"] for d in cdn.list_distributions()["DistributionList"].get("Items", [])
        ],
        "VPC origins": [o["Id"] for o in cdn.list_vpc_origins()["VpcOriginList"].get("Items", [])],
        "origin access controls": [
            c["Id"]
            for c in cdn.list_origin_access_controls()["OriginAccessControlList"].get("Items", [])
        ],
        "response-headers policies": [
            p["ResponseHeadersPolicy"]["Id"] for p in policies.get("Items", [])
        ],
        "certificates": [
            c["CertificateArn"]
            for region in (None, "us-east-1")
            for c in stack.client("acm", region).list_certificates()["CertificateSummaryList"]
        ],
        "hosted zones": [z["Name"] for z in zones],
        "records": [
            f"{r['Name']} {r['Type']}"
            for z in zones
            for r in route53.list_resource_record_sets(HostedZoneId=z["Id"])["ResourceRecordSets"]
            if r["Type"] not in ("NS", "SOA")
        ],
        "health checks": [c["Id"] for c in route53.list_health_checks()["HealthChecks"]],
        "buckets of logs": [b for b in buckets if "-logs-" in b],
        "other buckets": [b for b in buckets if "-logs-" not in b],
    }


def _copied_volumes(stack: Stack) -> set[str]:
    """The volumes of which there is a complete last snapshot."""
    final = {
        "tag:chatlift:stack": stack.name,
        "tag:chatlift:snapshot": "final",
        "status": "completed",
    }
    found = stack.client("ec2").describe_snapshots(
        OwnerIds=["self"],
        Filters=[{"Name": name, "Values": [value]} for name, value in final.items()],
    )
    return {one["VolumeId"] for one in found["Snapshots"]}


async def test_a_stack_made_again_has_its_accounts_and_messages(
    stack: Stack, ledger: Ledger
) -> None:
    async with talking(stack.url(), ledger) as talk:
        await talk.go_on(10)
    domain = stack.domain()
    stack.run_playbook("playbooks/destroy.yml", "-e", f"confirm={stack.name}")
    assert set(_resources(stack)) == {"volumes", "secrets", "hosted zones", "buckets of logs"}
    with pytest.raises(OSError, match=f"knows no {domain}"):
        await address_of(domain)
    # Snapshots outlive their stack: there may be those of an earlier one of this name.
    assert _copied_volumes(stack) >= set(_resources(stack)["volumes"])
    stack.run_playbook("playbooks/site.yml")
    await ledger.check(stack.url())


def test_nothing_of_a_stack_stays_when_told_twice(stack: Stack) -> None:
    told_twice = ["-e", "destroy_data=true", "-e", f"confirm_data={stack.name}"]
    stack.run_playbook("playbooks/destroy.yml", "-e", f"confirm={stack.name}", *told_twice)
    assert _resources(stack) == {}
