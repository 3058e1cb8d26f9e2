# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything in AWS that belongs to a stack, asked of each service.

The Resource Groups Tagging API would be one question instead of many. But it knows neither Auto
Scaling groups nor IAM roles, and goes on for a while to name what is gone.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable

from ansible_collections.chatlift.aws.plugins.module_utils.resources import of_stack, tag_dict

# CloudFront, and the certificates that it takes, live there.
GLOBAL_REGION = "us-east-1"

# Gone, though still listed for a while.
ENDED = ("terminated", "shutting-down", "deleted", "deleting", "failed")

Clients = Callable[..., Any]


@dataclass(frozen=True)
class Resource:
    """One resource; ``id`` is its id, ARN or name, whichever the service takes."""

    kind: str
    id: str
    name: str


@dataclass(frozen=True)
class Ec2Kind:
    """Resources of EC2, which finds them by their tag."""

    kind: str
    operation: str
    key: str
    id_key: str
    state_key: str = "State"
    arguments: dict[str, Any] = field(default_factory=dict)
    filter_argument: str = "Filters"


EC2_KINDS = (
    Ec2Kind("VPC", "describe_vpcs", "Vpcs", "VpcId"),
    Ec2Kind("subnet", "describe_subnets", "Subnets", "SubnetId"),
    Ec2Kind(
        "internet gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    ),
    Ec2Kind("NAT gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId"),
    Ec2Kind("address", "describe_addresses", "Addresses", "AllocationId"),
    Ec2Kind("route table", "describe_route_tables", "RouteTables", "RouteTableId"),
    Ec2Kind("security group", "describe_security_groups", "SecurityGroups", "GroupId"),
    Ec2Kind(
        "network interface",
        "describe_network_interfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        state_key="Status",
    ),
    Ec2Kind("VPC endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    Ec2Kind("flow log", "describe_flow_logs", "FlowLogs", "FlowLogId", filter_argument="Filter"),
    Ec2Kind("volume", "describe_volumes", "Volumes", "VolumeId"),
    Ec2Kind(
        "snapshot",
        "describe_snapshots",
        "Snapshots",
        "SnapshotId",
        arguments={"OwnerIds": ["self"]},
    ),
    Ec2Kind("launch template", "describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
)


class Inventory:
    """Lists the resources of one stack. ``client`` gives boto3 clients by service and region."""

    def __init__(self, client: Clients, stack: str) -> None:
        self._client = client
        self._stack = stack
        self._base = f"chatlift-{stack}"

    def list(self) -> list[Resource]:
        """All resources, in the order of their kinds and names."""
        ec2 = self._client("ec2")
        works: list[Callable[[], Iterable[Resource]]] = [
            *((lambda kind=kind: self._ec2(ec2, kind)) for kind in EC2_KINDS),
            lambda: self._instances(ec2),
            self._groups,
            self._load_balancing,
            self._roles,
            self._log_groups,
            self._secrets,
            self._parameters,
            self._alarms,
            self._topics,
            self._buckets,
            self._names,
            self._certificates,
            self._edge,
            self._firewalls,
        ]
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda work: list(work()), works)
            return sorted(
                (one for part in found for one in part), key=lambda one: (one.kind, one.name)
            )

    # Of EC2.

    def _ec2(self, ec2: Any, kind: Ec2Kind) -> Iterable[Resource]:
        arguments = {kind.filter_argument: of_stack(self._stack), **kind.arguments}
        for one in _pages(ec2, kind.operation, kind.key, **arguments):
            if str(one.get(kind.state_key, "")).lower() not in ENDED:
                # Network interfaces have a word of their own for tags.
                name = tag_dict(one.get("Tags") or one.get("TagSet")).get("Name", "")
                # A root volume goes with its instance, a data volume stays.
                root = kind.kind == "volume" and name.endswith("-root")
                yield Resource("root volume" if root else kind.kind, one[kind.id_key], name)

    def _instances(self, ec2: Any) -> Iterable[Resource]:
        for found in _pages(
            ec2, "describe_instances", "Reservations", Filters=of_stack(self._stack)
        ):
            for one in found["Instances"]:
                if one["State"]["Name"] not in ENDED:
                    name = tag_dict(one.get("Tags")).get("Name", "")
                    yield Resource("instance", one["InstanceId"], name)

    def _groups(self) -> Iterable[Resource]:
        for one in _pages(
            self._client("autoscaling"),
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            Filters=of_stack(self._stack),
        ):
            name = one["AutoScalingGroupName"]
            yield Resource("Auto Scaling group", name, name)

    def _load_balancing(self) -> Iterable[Resource]:
        elbv2 = self._client("elbv2")
        for kind, operation, key, name, arn in (
            (
                "load balancer",
                "describe_load_balancers",
                "LoadBalancers",
                "LoadBalancerName",
                "LoadBalancerArn",
            ),
            (
                "target group",
                "describe_target_groups",
                "TargetGroups",
                "TargetGroupName",
                "TargetGroupArn",
            ),
        ):
            for one in _pages(elbv2, operation, key):
                if self._ours(one[name]) and self._tagged(
                    elbv2.describe_tags(ResourceArns=[one[arn]])["TagDescriptions"][0]["Tags"]
                ):
                    yield Resource(kind, one[arn], one[name])

    # By name, and by tag where another stack's name may begin like this one's.

    def _roles(self) -> Iterable[Resource]:
        iam = self._client("iam")
        for one in _pages(iam, "list_roles", "Roles"):
            name = one["RoleName"]
            if self._ours(name) and self._tagged(iam.list_role_tags(RoleName=name)["Tags"]):
                yield Resource("IAM role", one["Arn"], name)
        for one in _pages(iam, "list_instance_profiles", "InstanceProfiles"):
            name = one["InstanceProfileName"]
            if self._ours(name):
                found = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
                if self._tagged(found.get("Tags", [])):
                    yield Resource("instance profile", one["Arn"], name)

    def _log_groups(self) -> Iterable[Resource]:
        for one in _pages(
            self._client("logs"),
            "describe_log_groups",
            "logGroups",
            logGroupNamePrefix=f"/chatlift/{self._stack}/",
        ):
            yield Resource("log group", one["arn"], one["logGroupName"])

    def _secrets(self) -> Iterable[Resource]:
        """One that is scheduled to be deleted is not listed, though it can be brought back."""
        prefix = f"chatlift/{self._stack}/"
        for one in _pages(
            self._client("secretsmanager"),
            "list_secrets",
            "SecretList",
            Filters=[{"Key": "name", "Values": [prefix]}],
        ):
            if one["Name"].startswith(prefix):
                yield Resource("secret", one["ARN"], one["Name"])

    def _parameters(self) -> Iterable[Resource]:
        """Without the lock, which whoever asks may hold."""
        prefix = f"/chatlift/{self._stack}/"
        for one in _pages(
            self._client("ssm"),
            "describe_parameters",
            "Parameters",
            ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [prefix]}],
        ):
            if one["Name"] != f"{prefix}lock":
                yield Resource("parameter", one["Name"], one["Name"])

    def _alarms(self) -> Iterable[Resource]:
        cloudwatch = self._client("cloudwatch")
        for kind, key in (("alarm", "MetricAlarms"), ("composite alarm", "CompositeAlarms")):
            for one in _pages(
                cloudwatch,
                "describe_alarms",
                key,
                AlarmNamePrefix=f"{self._base}-",
                AlarmTypes=["MetricAlarm" if kind == "alarm" else "CompositeAlarm"],
            ):
                tags = cloudwatch.list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]
                if self._tagged(tags):
                    yield Resource(kind, one["AlarmArn"], one["AlarmName"])
        for one in _pages(
            cloudwatch, "list_dashboards", "DashboardEntries", DashboardNamePrefix=self._base
        ):
            if one["DashboardName"] == self._base:
                yield Resource("dashboard", one["DashboardArn"], one["DashboardName"])

    def _topics(self) -> Iterable[Resource]:
        for one in _pages(self._client("sns"), "list_topics", "Topics"):
            name = one["TopicArn"].rpartition(":")[2]
            if name == f"{self._base}-alarms":
                yield Resource("topic", one["TopicArn"], name)

    def _buckets(self) -> Iterable[Resource]:
        ours = re.compile(rf"{re.escape(self._base)}-(edge|logs)-\d{{12}}-[a-z0-9-]+")
        for one in self._client("s3").list_buckets()["Buckets"]:
            if match := ours.fullmatch(one["Name"]):
                kind = {"edge": "bucket", "logs": "log bucket"}[match[1]]
                yield Resource(kind, one["Name"], one["Name"])

    # The edge.

    def _names(self) -> Iterable[Resource]:
        route53 = self._client("route53")
        for kind, operation, key, resource_type in (
            ("hosted zone", "list_hosted_zones", "HostedZones", "hostedzone"),
            ("health check", "list_health_checks", "HealthChecks", "healthcheck"),
        ):
            for one in _pages(route53, operation, key):
                short = one["Id"].rpartition("/")[2]
                tags = route53.list_tags_for_resource(ResourceType=resource_type, ResourceId=short)
                found = tags["ResourceTagSet"].get("Tags", [])
                if self._tagged(found):
                    name = one.get("Name") or tag_dict(found).get("Name", "")
                    yield Resource(kind, short, name)

    def _certificates(self) -> Iterable[Resource]:
        here = self._client("acm")
        regions = [here.meta.region_name]
        regions += [] if GLOBAL_REGION in regions else [GLOBAL_REGION]
        for region in regions:
            acm = self._client("acm", region=region)
            for one in _pages(acm, "list_certificates", "CertificateSummaryList"):
                arn = one["CertificateArn"]
                if self._tagged(acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]):
                    yield Resource("certificate", arn, f"{one['DomainName']} ({region})")

    def _edge(self) -> Iterable[Resource]:
        cloudfront = self._client("cloudfront", region=GLOBAL_REGION)
        for one in _pages(cloudfront, "list_distributions", "DistributionList"):
            if one["Comment"] == self._base:
                yield Resource("distribution", one["Id"], one["Comment"])
        for kind, operation, key in (
            ("origin access control", "list_origin_access_controls", "OriginAccessControlList"),
            ("VPC origin", "list_vpc_origins", "VpcOriginList"),
        ):
            for one in _pages(cloudfront, operation, key):
                if self._ours(one["Name"]):
                    yield Resource(kind, one["Id"], one["Name"])
        for kind in ("cache policy", "origin request policy", "response headers policy"):
            key = kind.title().replace(" ", "")
            plural = kind.replace(" ", "_").replace("policy", "policies")
            for one in _pages(cloudfront, f"list_{plural}", f"{key}List", Type="custom"):
                name = one[key][f"{key}Config"]["Name"]
                if self._ours(name):
                    yield Resource(kind, one[key]["Id"], name)

    def _firewalls(self) -> Iterable[Resource]:
        for scope, region in (("REGIONAL", None), ("CLOUDFRONT", GLOBAL_REGION)):
            wafv2 = self._client("wafv2", **({"region": region} if region else {}))
            for one in wafv2.list_web_acls(Scope=scope)["WebACLs"]:
                if one["Name"] == self._base:
                    yield Resource("web ACL", one["ARN"], one["Name"])

    def _ours(self, name: str) -> bool:
        return name == self._base or name.startswith(f"{self._base}-")

    def _tagged(self, tags: list[dict[str, str]]) -> bool:
        return tag_dict(tags).get("chatlift:stack") == self._stack


def _pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterable[dict[str, Any]]:
    """What an operation lists; CloudFront's lists are one level deeper."""
    if client.can_paginate(operation):
        answers = client.get_paginator(operation).paginate(**arguments)
    else:
        answers = [getattr(client, operation)(**arguments)]
    for answer in answers:
        listed = answer.get(key) or []
        yield from listed.get("Items") or [] if isinstance(listed, dict) else listed
