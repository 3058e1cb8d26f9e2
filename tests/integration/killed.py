"""A controller that is killed at any moment: the next run converges and leaks nothing.

pytest tests/integration/killed.py --kills 20 [--kill-seed 7]
"""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import jmespath
import pytest

from tests.integration.ansible import WITH_EDGE
from tests.integration.cloud import REGION, Cloud
from tests.killing import kill_when

STACK = "demo"
OF_CLOUDFRONT = "us-east-1"
DIGEST = r"-[0-9a-f]{16}$"
DATA_TOO = {"confirm": STACK, "destroy_data": True, "confirm_data": STACK}
AT_ONCE = {"secrets_recovery_days": 0, "data_tier_final_snapshot": False}
# What a run could leave behind without a tag.
WHOLE_ACCOUNT = (
    ("ec2", "describe_vpcs", "length(Vpcs)"),
    ("ec2", "describe_subnets", "length(Subnets)"),
    ("ec2", "describe_security_groups", "length(SecurityGroups)"),
    ("ec2", "describe_network_interfaces", "length(NetworkInterfaces)"),
    ("ec2", "describe_addresses", "length(Addresses)"),
    ("ec2", "describe_volumes", "length(Volumes)"),
    ("ec2", "describe_launch_templates", "length(LaunchTemplates)"),
    ("autoscaling", "describe_auto_scaling_groups", "length(AutoScalingGroups)"),
    ("elbv2", "describe_load_balancers", "length(LoadBalancers)"),
    ("elbv2", "describe_target_groups", "length(TargetGroups)"),
    ("iam", "list_roles", "length(Roles)"),
    ("iam", "list_instance_profiles", "length(InstanceProfiles)"),
    ("secretsmanager", "list_secrets", "length(SecretList)"),
    ("acm", "list_certificates", "length(CertificateSummaryList)"),
    ("cloudfront", "list_distributions", "DistributionList.Quantity"),
    ("cloudfront", "list_functions", "FunctionList.Quantity"),
    ("cloudfront", "list_origin_access_controls", "OriginAccessControlList.Quantity"),
    ("cloudfront", "list_vpc_origins", "VpcOriginList.Quantity"),
    ("route53", "list_hosted_zones", "length(HostedZones)"),
    ("s3", "list_buckets", "length(Buckets)"),
)


def _inventory(cloud: Cloud, play: Any) -> Counter[str]:
    """What there is: of the stack by kind and name, and of the whole account by number."""
    listed = play("inventory", **WITH_EDGE).result("account", "Ask each service")["resources"]
    # A VPC origin's name ends in a digest of its load balancer, which is another one each time.
    found = Counter(f"{one['kind']} {re.sub(DIGEST, '', one['name'])}" for one in listed)
    for region in (REGION, OF_CLOUDFRONT):
        for service, operation, number in WHOLE_ACCOUNT:
            answer = getattr(cloud.client(service, region), operation)()
            found[f"{operation} {region}"] = jmespath.search(number, answer)
    return found


def _kill(cloud: Cloud, programs: Path, seconds: float) -> bool:
    """Start site.yml and kill it after so long; False when it had ended."""
    variables = {"chatlift_environment": cloud.environment, **WITH_EDGE}
    moment = time.monotonic() + seconds
    return kill_when(
        lambda: time.monotonic() >= moment,
        *("playbooks/site.yml", "-e", json.dumps(variables)),
        environment={"PATH": f"{programs}:{os.environ['PATH']}"},
    )


def test_the_run_after_a_killed_one_converges_and_leaks_nothing(
    cloud: Cloud,
    play: Any,
    programs: Path,
    images: dict[str, str],
    pytestconfig: pytest.Config,
) -> None:
    seed = pytestconfig.getoption("kill_seed")
    moments = random.Random(seed)
    empty = _inventory(cloud, play)
    begin = time.monotonic()
    play("site", **WITH_EDGE)
    whole = time.monotonic() - begin
    undisturbed = _inventory(cloud, play)
    play("destroy", **DATA_TOO, **AT_ONCE, **WITH_EDGE)
    assert _inventory(cloud, play) == empty

    for number in range(pytestconfig.getoption("kills")):
        seconds = moments.uniform(0, whole)
        where = f"kill {number} of seed {seed}, after {seconds:.1f} of {whole:.1f} s"
        killed = _kill(cloud, programs, seconds)
        print(where if killed else f"{where}: it had ended")
        play("site", **WITH_EDGE)
        assert _inventory(cloud, play) == undisturbed, where
        play("destroy", **DATA_TOO, **AT_ONCE, **WITH_EDGE)
        assert _inventory(cloud, play) == empty, where
