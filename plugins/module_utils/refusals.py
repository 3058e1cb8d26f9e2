# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to do when AWS refuses for a reason that only a person can end: a quota, or a name taken."""

from __future__ import annotations

from ansible_collections.chatlift.aws.plugins.module_utils.resources import error_code

# The quota of an error's code, and what else than a higher one helps.
QUOTAS = {
    "VpcLimitExceeded": ("VPCs per Region", "delete a VPC that nobody uses"),
    "SubnetLimitExceeded": ("Subnets per VPC", "delete subnets that nobody uses"),
    "InternetGatewayLimitExceeded": (
        "Internet gateways per Region",
        "delete a VPC that nobody uses with its internet gateway",
    ),
    "NatGatewayLimitExceeded": (
        "NAT gateways per Availability Zone",
        "set network_nat to one",
    ),
    "AddressLimitExceeded": (
        "EC2-VPC Elastic IPs",
        "release addresses that nobody uses, or set network_nat to one",
    ),
    "RouteTableLimitExceeded": ("Route tables per VPC", "delete route tables that nobody uses"),
    "SecurityGroupLimitExceeded": (
        "VPC security groups per Region",
        "delete groups that nobody uses",
    ),
    "RulesPerSecurityGroupLimitExceeded": (
        "Inbound or outbound rules per security group",
        "name fewer ranges in network_client_cidrs (CloudFront's prefix list counts as 55 rules)",
    ),
    "VpcEndpointLimitExceeded": (
        "Interface VPC endpoints per VPC",
        "name fewer services in network_interface_endpoints",
    ),
    "FlowLogsLimitExceeded": ("Flow logs per resource", "delete flow logs that nobody reads"),
    "TooManyLoadBalancers": (
        "Application Load Balancers per Region",
        "delete load balancers that nobody uses",
    ),
    "TooManyTargetGroups": ("Target Groups per Region", "delete target groups that nobody uses"),
    "VolumeLimitExceeded": (
        "Storage of the volume type, in TiB",
        "delete volumes that nobody uses",
    ),
    "SnapshotLimitExceeded": ("Snapshots per Region", "delete snapshots that nobody needs"),
    "TooManyBuckets": ("General purpose buckets", "delete buckets that nobody uses"),
    "TooManyDistributions": (
        "Web distributions per AWS account",
        "delete distributions that nobody uses",
    ),
}
# Services with one code for all their quotas: the operation tells which it is.
QUOTAS_OF_OPERATIONS = {
    "CreateAutoScalingGroup": ("Auto Scaling groups per region", "delete groups nobody uses"),
    "CreateRole": ("Roles per account", "delete roles that nobody uses"),
    "CreateInstanceProfile": ("Instance profiles per account", "delete profiles nobody uses"),
    "CreateLogGroup": ("Log groups", "delete log groups that nobody reads"),
    "CreateSecret": ("Secrets", "delete secrets that nobody uses"),
    "RequestCertificate": ("ACM certificates", "delete certificates that nobody uses"),
}
GENERAL_CODES = ("LimitExceeded", "LimitExceededException")
# What Auto Scaling says of a launch that a quota forbids; it has no codes for that.
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html
LAUNCH_QUOTAS = {
    "vCPU limit": (
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
        "end instances that nobody uses",
    ),
    "Max spot instance count exceeded": (
        "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
        "have fewer instances as spot instances",
    ),
    "VolumeLimitExceeded": QUOTAS["VolumeLimitExceeded"],
}
# What is there already though it is not the stack's, and what to do about it.
DUPLICATES = {
    "InvalidGroup.Duplicate": "delete the security group of that name in the VPC, or tag it",
    "FlowLogAlreadyExists": "delete the VPC's flow log to the same log group, or tag it",
    "RouteAlreadyExists": "delete the route that somebody made by hand",
    "Resource.AlreadyAssociated": "take away the association that somebody made by hand",
}


def sentence(error: Exception, stack: str) -> str | None:
    """What is wrong and what to do, for refusals known here."""
    code = error_code(error)
    said = getattr(error, "response", {}).get("Error", {}).get("Message", "").rstrip(". ")
    if code in GENERAL_CODES:
        quota = QUOTAS_OF_OPERATIONS.get(getattr(error, "operation_name", ""))
    else:
        quota = QUOTAS.get(code)
    if quota:
        return _of_quota(*quota, stack, f"{code}: {said}")
    if code in DUPLICATES:
        return (
            f"Something that the stack {stack} needs is there already but does not carry its tag"
            f" chatlift:stack ({code}: {said}). To go on, {DUPLICATES[code]}; then run this again."
        )
    return None


def sentence_on_launch(said: str, stack: str) -> str | None:
    """The same for what a group's last activity says of a failed launch."""
    found = (quota for words, quota in LAUNCH_QUOTAS.items() if words in said)
    return next((_of_quota(*quota, stack, said.rstrip(". ")) for quota in found), None)


def _of_quota(quota: str, remedy: str, stack: str, said: str) -> str:
    return (
        f"The account has reached its quota '{quota}', so the stack {stack} is not complete"
        f" ({said}). Ask for more in Service Quotas, or {remedy}; then run this again."
    )
