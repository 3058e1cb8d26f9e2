"""Makes the repository importable as the collection chatlift.aws, and its modules callable."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder
from moto import mock_aws
from moto.autoscaling.responses import AutoScalingResponse
from moto.ec2.models import amis
from moto.ec2.models.instances import Instance
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket

REPOSITORY = Path(__file__).parents[2]
REGION = "eu-central-1"
ZONES = [f"{REGION}a", f"{REGION}b", f"{REGION}c"]
STACK = "demo"
IMAGES = ("ami-12c6146b", "ami-1e749f67")  # two of those that moto knows

# The state of whatever has it put into its class, until it is taken away again.
PENDING = property(lambda _one: "pending", lambda one, state: vars(one).update(state=state))

# What the modules write and what the agent reads have to agree.
sys.path.insert(0, str(REPOSITORY / "member" / "src"))


def _find_collections(root: Path) -> None:
    """Let ``import ansible_collections.chatlift.aws`` find this repository, wherever it is."""
    place = root / "ansible_collections" / "chatlift"
    place.mkdir(parents=True)
    (place / "aws").symlink_to(REPOSITORY)
    installed = [path for path in sys.path if (Path(path) / "ansible_collections").is_dir()]
    _AnsibleCollectionFinder(paths=[str(root), *installed])._install()


@pytest.fixture(scope="session", autouse=True)
def collection(tmp_path_factory: pytest.TempPathFactory) -> None:
    if AnsibleCollectionConfig.collection_finder is None:  # ansible-test has one
        _find_collections(tmp_path_factory.mktemp("collections"))


@pytest.fixture(scope="session", autouse=True)
def service_models_read_once() -> None:
    """Every session looks for and parses its services' models again, half of a module's time."""
    botocore.session.create_loader = cache(botocore.session.create_loader)


# Parameters of groups that moto 5.2.5 drops, and its names for them.
_DROPPED_PARAMETERS = {
    "CapacityRebalance": "capacity_rebalance",
    "DefaultInstanceWarmup": "default_instance_warmup",
    "HealthCheckGracePeriod": "health_check_grace_period",
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "TerminationPolicies": "termination_policies",
}


def _keep_groups_as_aws_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5.2.5 also leaves out the hooks of CreateAutoScalingGroup."""

    def complete(name: str) -> None:
        operation = getattr(AutoScalingResponse, name)

        def do_completely(response: AutoScalingResponse) -> Any:
            answer = operation(response)
            group = response._get_param("AutoScalingGroupName")
            for parameter, attribute in _DROPPED_PARAMETERS.items():
                value = response._get_param(parameter)
                if value is not None:
                    kept = response.autoscaling_backend.autoscaling_groups[group]
                    setattr(kept, attribute, value)
            for hook in response._get_param("LifecycleHookSpecificationList", []):
                response.autoscaling_backend.create_lifecycle_hook(
                    hook["LifecycleHookName"],
                    group,
                    hook["LifecycleTransition"],
                    hook["HeartbeatTimeout"],
                    hook["DefaultResult"],
                )
            return answer

        monkeypatch.setattr(AutoScalingResponse, name, do_completely)

    complete("create_auto_scaling_group")
    complete("update_auto_scaling_group")


def _size_volumes_as_aws_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5.2.5 does not know that a root volume is as large as its image when none is said."""
    add = Instance.add_block_device

    def add_sized(instance: Instance, size: int | None, *args: Any, **kwargs: Any) -> None:
        add(instance, size or 8, *args, **kwargs)

    monkeypatch.setattr(Instance, "add_block_device", add_sized)


def _obey_no_bucket_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5.2.5 denies what a policy denies on a condition, whether or not that holds."""
    monkeypatch.setattr(FakeBucket, "get_permission", lambda *_asked: PermissionResult.PERMITTED)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """An emulated account in this process; gives clients by the name of their service."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("MOTO_AMIS_PATH", "set")  # all that moto knows would take seconds to load
    monkeypatch.setattr(amis, "AMIS", [ami for ami in amis.AMIS if ami["ami_id"] in IMAGES])
    _keep_groups_as_aws_does(monkeypatch)
    _size_volumes_as_aws_does(monkeypatch)
    _obey_no_bucket_policy(monkeypatch)
    with mock_aws():
        yield lambda service: boto3.client(service, region_name=REGION)


class ModuleFailed(AssertionError):
    """A module ended with ``failed``; the text is its message."""


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run one of the collection's modules in this process and return its result."""

    def run(name: str, /, check: bool = False, **options: Any) -> dict[str, Any]:
        module = import_module(f"ansible_collections.chatlift.aws.plugins.modules.{name}")
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result = json.loads(capsys.readouterr().out)
        if result.get("failed"):
            raise ModuleFailed(result["msg"])
        return dict(result)

    return run
