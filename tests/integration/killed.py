"""A controller that is killed at any moment: the next run converges and leaks nothing.

pytest tests/integration/killed.py --kills 20 [--kill-seed 7]
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import REPOSITORY, WITHOUT_EDGE
from tests.integration.cloud import Cloud

STACK = "demo"
DATA_TOO = {"confirm": STACK, "destroy_data": True, "confirm_data": STACK}
AT_ONCE = {"secrets_recovery_days": 0, "data_tier_final_snapshot": False}
# What a run could leave behind without a tag.
WHOLE_ACCOUNT = (
    ("ec2", "describe_vpcs", "Vpcs"),
    ("ec2", "describe_subnets", "Subnets"),
    ("ec2", "describe_security_groups", "SecurityGroups"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
    ("ec2", "describe_addresses", "Addresses"),
    ("ec2", "describe_volumes", "Volumes"),
    ("ec2", "describe_launch_templates", "LaunchTemplates"),
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups"),
    ("elbv2", "describe_target_groups", "TargetGroups"),
    ("iam", "list_roles", "Roles"),
    ("iam", "list_instance_profiles", "InstanceProfiles"),
    ("secretsmanager", "list_secrets", "SecretList"),
)


def _inventory(cloud: Cloud, play: Any) -> Counter[str]:
    """What there is: of the stack by kind and name, and of the whole account by number."""
    listed = play("inventory").result("account", "Ask each service")["resources"]
    found = Counter(f"{one['kind']} {one['name']}" for one in listed)
    for service, operation, key in WHOLE_ACCOUNT:
        found[operation] = len(getattr(cloud.client(service), operation)()[key])
    return found


def _kill(cloud: Cloud, programs: Path, seconds: float) -> bool:
    """Start site.yml and kill its whole process group after so long; False when it had ended."""
    variables = {"chatlift_environment": cloud.environment, **WITHOUT_EDGE}
    with subprocess.Popen(
        ["ansible-playbook", "playbooks/site.yml", "-e", json.dumps(variables)],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True
    return False


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
    play("site")
    whole = time.monotonic() - begin
    undisturbed = _inventory(cloud, play)
    play("destroy", **DATA_TOO, **AT_ONCE)
    assert _inventory(cloud, play) == empty

    for number in range(pytestconfig.getoption("kills")):
        seconds = moments.uniform(0, whole)
        where = f"kill {number} of seed {seed}, after {seconds:.1f} of {whole:.1f} s"
        killed = _kill(cloud, programs, seconds)
        print(where if killed else f"{where}: it had ended")
        play("site")
        assert _inventory(cloud, play) == undisturbed, where
        play("destroy", **DATA_TOO, **AT_ONCE)
        assert _inventory(cloud, play) == empty, where
