"""A quota or a taken name is said in a sentence that names what to do."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ...conftest import STACK, ZONES, ModuleFailed

OPTIONS = {"stack": STACK, "cidr": "10.42.0.0/16", "availability_zones": ZONES}


def _refusing(code: str) -> Any:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "No more."}}, "Call")

    return refuse


@pytest.mark.parametrize(
    ("code", "operation", "words"),
    [
        ("VpcLimitExceeded", "create_vpc", "'VPCs per Region'"),
        ("AddressLimitExceeded", "allocate_address", "'EC2-VPC Elastic IPs'.*network_nat to one"),
        ("NatGatewayLimitExceeded", "create_nat_gateway", "network_nat to one"),
    ],
)
def test_a_quota_is_named_with_a_way_out(
    aws: Any,
    run_module: Any,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    operation: str,
    words: str,
) -> None:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

    client = AnsibleAWSModule.client

    def with_refusal(module: Any, service: str, *arguments: Any, **options: Any) -> Any:
        made = client(module, service, *arguments, **options)
        if service == "ec2":
            monkeypatch.setattr(made, operation, _refusing(code))
        return made

    monkeypatch.setattr(AnsibleAWSModule, "client", with_refusal)
    with pytest.raises(ModuleFailed, match=rf"reached its quota .*{words}.*run this again"):
        run_module("vpc", **OPTIONS)


@pytest.mark.parametrize(
    ("code", "operation", "quota"),
    [
        ("VolumeLimitExceeded", "CreateVolume", "Storage of the volume type, in TiB"),
        ("TooManyLoadBalancers", "CreateLoadBalancer", "Application Load Balancers per Region"),
        ("LimitExceeded", "CreateRole", "Roles per account"),
        ("LimitExceeded", "CreateAutoScalingGroup", "Auto Scaling groups per region"),
        ("LimitExceededException", "CreateLogGroup", "Log groups"),
        ("LimitExceededException", "RequestCertificate", "ACM certificates"),
    ],
)
def test_a_code_of_several_quotas_is_told_by_its_operation(
    code: str, operation: str, quota: str
) -> None:
    refusals = import_module("ansible_collections.chatlift.aws.plugins.module_utils.refusals")
    error = ClientError({"Error": {"Code": code, "Message": "No more."}}, operation)
    assert f"its quota '{quota}', so the stack demo" in refusals.sentence(error, STACK)
    unknown = ClientError({"Error": {"Code": "LimitExceeded", "Message": "No."}}, "PutRolePolicy")
    assert refusals.sentence(unknown, STACK) is None


def test_a_security_group_of_somebody_else_is_named(aws: Any, run_module: Any) -> None:
    vpc_id = run_module("vpc", **OPTIONS)["vpc_id"]
    aws("ec2").create_security_group(GroupName="chatlift-demo-app", Description="x", VpcId=vpc_id)
    group = {"name": "app", "description": "Application instances", "rules": []}
    with pytest.raises(ModuleFailed, match=r"there already .*chatlift:stack .*tag it"):
        run_module("security_groups", stack=STACK, groups=[group])
