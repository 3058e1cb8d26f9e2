"""The module of the app tier, and the look at groups, against an emulated account."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import yaml
from chatlift_member.identity import parse_identity
from chatlift_member.metrics_cloudwatch import NAMESPACE, OF_TIER, dimensions
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2 import ec2_backends

from ...conftest import STACK, ZONES, ModuleFailed

NAME = f"chatlift-{STACK}-app"
OPTIONS = {
    "stack": STACK,
    "image_id": "ami-12c6146b",
    "instance_type": "t3.small",
    "settings": {"endpoint_url": "", "redis": [], "mysql": [], "mysql_group_name": "x"},
}


@pytest.fixture(autouse=True)
def target_group(aws: Any, run_module: Any) -> str:
    """What the stages before make; gives the target group's ARN."""
    vpc = run_module("vpc", stack=STACK, cidr="10.42.0.0/16", availability_zones=ZONES, nat="one")
    group = {"name": "app", "description": "Application instances", "rules": []}
    run_module("security_groups", stack=STACK, groups=[group])
    aws("secretsmanager").create_secret(Name=f"chatlift/{STACK}/app", SecretString="{}")
    aws("iam").create_instance_profile(InstanceProfileName=NAME)
    made = aws("elbv2").create_target_group(
        Name=NAME, Protocol="HTTP", Port=8080, VpcId=vpc["vpc_id"]
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def _group(aws: Any) -> dict[str, Any]:
    (group,) = aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return dict(group)


def test_the_group_spreads_over_the_app_subnets(
    aws: Any, run_module: Any, target_group: str
) -> None:
    assert run_module("app_group", target_group_arns=[target_group], **OPTIONS)["changed"]
    group = _group(aws)
    assert len(group["VPCZoneIdentifier"].split(",")) == 3
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (3, 3, 6)
    assert group["TargetGroupARNs"] == [target_group]
    assert group["HealthCheckType"] == "ELB"
    assert group["LaunchTemplate"]["Version"] == "1"
    again = run_module("app_group", target_group_arns=[target_group], **OPTIONS)
    assert not again["changed"], again["diff"]


def test_the_capacity_is_left_to_scaling(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    aws("autoscaling").set_desired_capacity(AutoScalingGroupName=NAME, DesiredCapacity=5)
    assert not run_module("app_group", **OPTIONS)["changed"]
    assert _group(aws)["DesiredCapacity"] == 5


def test_target_groups_are_attached_and_detached(
    aws: Any, run_module: Any, target_group: str
) -> None:
    run_module("app_group", **OPTIONS)
    assert run_module("app_group", target_group_arns=[target_group], **OPTIONS)["changed"]
    assert _group(aws)["TargetGroupARNs"] == [target_group]
    assert run_module("app_group", target_group_arns=[], **OPTIONS)["changed"]
    assert not _group(aws)["TargetGroupARNs"]


def test_a_new_instance_comes_before_an_old_one_goes(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    group = _group(aws)
    assert group["InstanceMaintenancePolicy"] == {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 200,
    }
    assert group["DefaultInstanceWarmup"] == 120
    assert group["TerminationPolicies"] == ["OldestLaunchTemplate", "OldestInstance"]
    metrics = {one["Metric"] for one in group["EnabledMetrics"]}
    assert {"GroupInServiceInstances", "GroupDesiredCapacity"} <= metrics


def test_the_template_asks_for_imdsv2_and_an_encrypted_root(aws: Any, run_module: Any) -> None:
    run_module("app_group", kms_key_id="alias/chatlift", **OPTIONS)
    found = aws("ec2").describe_launch_template_versions(LaunchTemplateName=NAME)
    content = found["LaunchTemplateVersions"][0]["LaunchTemplateData"]
    (image,) = aws("ec2").describe_images(ImageIds=[OPTIONS["image_id"]])["Images"]
    (root,) = content["BlockDeviceMappings"]
    assert root["DeviceName"] == image["RootDeviceName"]
    assert (root["Ebs"]["Encrypted"], root["Ebs"]["KmsKeyId"]) == (True, "alias/chatlift")
    options = content["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)
    assert content["Monitoring"] == {"Enabled": True}
    tagged = {one["ResourceType"] for one in content["TagSpecifications"]}
    assert {"instance", "volume", "network-interface"} <= tagged


def test_a_change_makes_a_version_and_leaves_the_group_to_a_refresh(
    aws: Any, run_module: Any
) -> None:
    run_module("app_group", **OPTIONS)
    changed = {**OPTIONS, "instance_type": "t3.large"}
    made = run_module("app_group", max_size=9, **changed)
    assert (made["launch_template_version"], made["group_version"]) == ("2", "1")
    assert "stays with version 1" in str(made["warnings"])
    assert "playbooks/rolling_deploy.yml" in str(made["warnings"])
    assert _group(aws)["LaunchTemplate"]["Version"] == "1"
    assert _group(aws)["MaxSize"] == 9
    again = run_module("app_group", max_size=9, **changed)
    assert not again["changed"]
    back = run_module("app_group", max_size=9, **OPTIONS)
    assert not back["changed"]
    assert (back["launch_template_version"], back["group_version"]) == ("1", "1")


def test_a_group_without_a_number_gets_one(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    latest = {"LaunchTemplateName": NAME, "Version": "$Latest"}
    aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName=NAME, LaunchTemplate=latest)
    assert run_module("app_group", **OPTIONS)["changed"]
    assert _group(aws)["LaunchTemplate"]["Version"] == "1"


def test_a_group_that_serves_nobody_gets_the_version_at_once(aws: Any, run_module: Any) -> None:
    run_module("app_group", min_size=0, **OPTIONS)
    made = run_module("app_group", min_size=0, **{**OPTIONS, "instance_type": "t3.large"})
    assert (made["launch_template_version"], made["group_version"]) == ("2", "2")
    assert _group(aws)["LaunchTemplate"]["Version"] == "2"


def test_a_mixed_group_keeps_its_version_too(aws: Any, run_module: Any) -> None:
    run_module("app_group", other_instance_types=["t3.medium"], **OPTIONS)
    changed = {**OPTIONS, "detailed_monitoring": False}
    made = run_module("app_group", other_instance_types=["t3.large"], **changed)
    assert (made["launch_template_version"], made["group_version"]) == ("2", "1")
    template = _group(aws)["MixedInstancesPolicy"]["LaunchTemplate"]
    assert template["LaunchTemplateSpecification"]["Version"] == "1"
    assert [one["InstanceType"] for one in template["Overrides"]] == ["t3.small", "t3.large"]


def test_an_image_that_is_not_there_is_named(run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no image ami-0123\. Name one that this account can"):
        run_module("app_group", **{**OPTIONS, "image_id": "ami-0123"})


@pytest.fixture
def baked(aws: Any) -> list[str]:
    """Ids of two images of the tier, the newer one last."""
    ec2 = aws("ec2")
    [instance] = ec2.run_instances(ImageId=OPTIONS["image_id"], MinCount=1, MaxCount=1)["Instances"]
    tags = [{"ResourceType": "image", "Tags": [{"Key": "chatlift:image", "Value": "node"}]}]
    made = []
    for number in (1, 2):
        image_id = ec2.create_image(
            InstanceId=instance["InstanceId"], Name=f"node-{number}", TagSpecifications=tags
        )["ImageId"]
        backend = ec2_backends[DEFAULT_ACCOUNT_ID][ec2.meta.region_name]
        backend.amis[image_id].creation_date = datetime(2026, 11, number)
        made.append(image_id)
    return made


UNNAMED = {name: value for name, value in OPTIONS.items() if name != "image_id"}


def _image(aws: Any, version: str) -> str:
    """The image in a version of the launch template."""
    [found] = aws("ec2").describe_launch_template_versions(
        LaunchTemplateName=NAME, Versions=[version]
    )["LaunchTemplateVersions"]
    return str(found["LaunchTemplateData"]["ImageId"])


def test_the_newest_image_is_taken_or_the_default(
    aws: Any, run_module: Any, baked: list[str]
) -> None:
    older, newer = baked
    newest = run_module("app_group", **UNNAMED)
    assert _image(aws, newest["launch_template_version"]) == newer
    made = run_module("app_group", default_image_id=older, **UNNAMED)
    assert _image(aws, made["launch_template_version"]) == older


@pytest.mark.parametrize("default", [True, False])
def test_an_image_that_was_undone_is_passed_over(
    aws: Any, run_module: Any, baked: list[str], default: bool
) -> None:
    older, newer = baked
    tag = {"Key": "chatlift:undone", "Value": "2026-11-03T04:05:06+00:00"}
    aws("ec2").create_tags(Resources=[newer], Tags=[tag])
    chosen = {"default_image_id": newer} if default else {}
    made = run_module("app_group", **chosen, **UNNAMED)
    assert _image(aws, made["launch_template_version"]) == older
    assert f"The image {newer} is passed over, as it was undone at 2026-11-03T04" in str(
        made["warnings"]
    )


def test_the_image_that_the_group_has_is_kept(aws: Any, run_module: Any, baked: list[str]) -> None:
    newer = baked[-1]
    run_module("app_group", **UNNAMED)
    tag = {"Key": "chatlift:undone", "Value": "by another stack"}
    aws("ec2").create_tags(Resources=[newer], Tags=[tag])
    made = run_module("app_group", max_size=9, **UNNAMED)
    assert _image(aws, made["launch_template_version"]) == newer
    assert f"{newer} is passed over" not in str(made.get("warnings"))


def test_a_default_that_is_not_there_is_no_reason_to_take_another(
    run_module: Any, baked: list[str]
) -> None:
    with pytest.raises(ModuleFailed, match=r"image=node and the id ami-0123\. Run playbooks/bake"):
        run_module("app_group", default_image_id="ami-0123", **UNNAMED)


def test_without_another_image_one_that_was_undone_has_to_be_named(
    aws: Any, run_module: Any, baked: list[str]
) -> None:
    tag = {"Key": "chatlift:undone", "Value": "2026-11-03T04:05:06+00:00"}
    aws("ec2").create_tags(Resources=baked, Tags=[tag])
    with pytest.raises(ModuleFailed, match=rf"{baked[0]} is passed over.*bake.yml, or name an"):
        run_module("app_group", **UNNAMED)
    named = {**UNNAMED, "image_id": baked[0]}
    assert run_module("app_group", check=True, **named)["changed"]
    made = run_module("app_group", **named)
    assert _image(aws, made["launch_template_version"]) == baked[0]
    assert _image(aws, run_module("app_group", **UNNAMED)["launch_template_version"]) == baked[0]


def _policies(aws: Any) -> dict[str, dict[str, Any]]:
    found = aws("autoscaling").describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]
    return {one["PolicyName"]: one["TargetTrackingConfiguration"] for one in found}


def test_it_follows_cpu_and_connections(aws: Any, run_module: Any) -> None:
    options = {**OPTIONS, "connections_target": 5000}
    run_module("app_group", **options)
    policies = _policies(aws)
    assert policies["chatlift-cpu"]["TargetValue"] == 60
    metric = policies["chatlift-connections"]["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == ("chatlift", "WebSocketConnections")
    assert {one["Name"]: one["Value"] for one in metric["Dimensions"]} == {
        "AutoScalingGroupName": NAME,
        "Stack": STACK,
        "Tier": "app",
    }
    again = run_module("app_group", **options)
    assert not again["changed"], again["diff"]


def test_it_follows_what_the_instances_publish(aws: Any, run_module: Any) -> None:
    settings = {**OPTIONS["settings"], "mysql_group_name": str(UUID(int=1))}
    options = {**OPTIONS, "settings": {**settings, "redis_topology": "cluster"}}
    made = run_module("app_group", connections_target=5000, **options)
    metric = _policies(aws)["chatlift-connections"]["CustomizedMetricSpecification"]
    user_data = yaml.safe_load(made["diff"]["after"][f"launch template {NAME}"]["UserData"])
    identity = parse_identity(json.loads(user_data["write_files"][0]["content"]))
    named = {one["Name"]: one["Value"] for one in metric["Dimensions"]}
    assert [named] == dimensions(identity)
    assert metric["Namespace"] == NAMESPACE
    assert metric["MetricName"] in {source.name for source in OF_TIER["app"]}


def test_policies_are_mended_and_removed_and_those_of_others_stay(
    aws: Any, run_module: Any
) -> None:
    run_module("app_group", connections_target=5000, **OPTIONS)
    aws("autoscaling").put_scaling_policy(
        AutoScalingGroupName=NAME,
        PolicyName="somebody-else",
        PolicyType="SimpleScaling",
        AdjustmentType="ChangeInCapacity",
        ScalingAdjustment=1,
    )
    mended = run_module("app_group", cpu_target=40, **OPTIONS)
    assert sorted(mended["diff"]["after"]) == [
        f"policy chatlift-connections of group {NAME}",
        f"policy chatlift-cpu of group {NAME}",
    ]
    found = aws("autoscaling").describe_policies(AutoScalingGroupName=NAME)["ScalingPolicies"]
    assert sorted(one["PolicyName"] for one in found) == ["chatlift-cpu", "somebody-else"]


def test_several_types_and_spot_instances(aws: Any, run_module: Any) -> None:
    mixed = {"other_instance_types": ["t3.medium"], "on_demand_base": 1, "on_demand_percentage": 50}
    run_module("app_group", **OPTIONS, **mixed)
    group = _group(aws)
    policy = group["MixedInstancesPolicy"]
    assert policy["LaunchTemplate"]["Overrides"] == [
        {"InstanceType": "t3.small"},
        {"InstanceType": "t3.medium"},
    ]
    assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 50
    assert group["CapacityRebalance"]
    again = run_module("app_group", **OPTIONS, **mixed)
    assert not again["changed"], again["diff"]


POOL = {"warm_pool": "stopped", "warm_pool_min_size": 1, "warm_pool_max_prepared_capacity": 4}


def _pool(aws: Any) -> dict[str, Any] | None:
    found = aws("autoscaling").describe_warm_pool(AutoScalingGroupName=NAME)
    pool: dict[str, Any] | None = found.get("WarmPoolConfiguration")
    return pool


def test_a_new_group_has_the_warm_pool_that_is_asked_for(aws: Any, run_module: Any) -> None:
    planned = run_module("app_group", check=True, **OPTIONS, **POOL)
    assert planned["diff"]["after"][f"warm pool of group {NAME}"]["MinSize"] == 1
    run_module("app_group", **OPTIONS, **POOL)
    assert _pool(aws) == {
        "PoolState": "Stopped",
        "MinSize": 1,
        "MaxGroupPreparedCapacity": 4,
        "InstanceReusePolicy": {"ReuseOnScaleIn": False},
    }
    metrics = {one["Metric"] for one in _group(aws)["EnabledMetrics"]}
    assert {"WarmPoolWarmedCapacity", "GroupAndWarmPoolTotalCapacity"} <= metrics
    again = run_module("app_group", **OPTIONS, **POOL)
    assert not again["changed"], again["diff"]


def test_a_group_has_no_warm_pool_by_itself(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    assert _pool(aws) is None
    metrics = {one["Metric"] for one in _group(aws)["EnabledMetrics"]}
    assert not {name for name in metrics if "WarmPool" in name}


def test_a_warm_pool_is_changed_and_mended(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    resource = f"warm pool of group {NAME}"
    added = run_module("app_group", **OPTIONS, warm_pool="running")
    assert added["diff"]["before"][resource] is None
    assert _pool(aws)["PoolState"] == "Running"
    assert not run_module("app_group", **OPTIONS, warm_pool="running")["changed"]
    aws("autoscaling").put_warm_pool(
        AutoScalingGroupName=NAME, MinSize=3, InstanceReusePolicy={"ReuseOnScaleIn": True}
    )
    mended = run_module("app_group", **OPTIONS, **POOL)
    assert mended["diff"]["before"] == {
        resource: {
            "PoolState": "Stopped",
            "MinSize": 3,
            "MaxGroupPreparedCapacity": -1,
            "InstanceReusePolicy": {"ReuseOnScaleIn": True},
        }
    }
    assert _pool(aws)["InstanceReusePolicy"] == {"ReuseOnScaleIn": False}


def test_a_warm_pool_is_gone_before_the_group_takes_spot_instances(
    aws: Any, run_module: Any
) -> None:
    run_module("app_group", **OPTIONS, **POOL)
    spot = {**OPTIONS, "on_demand_percentage": 50}
    planned = run_module("app_group", check=True, **spot)
    assert _pool(aws)
    removed = run_module("app_group", **spot)
    assert list(removed["diff"]["after"]) == [f"warm pool of group {NAME}", f"group {NAME}"]
    assert removed["diff"] == planned["diff"]
    assert _pool(aws) is None
    assert not run_module("app_group", **spot)["changed"]


def test_lost_tags_and_settings_are_mended(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    client = aws("autoscaling")
    client.update_auto_scaling_group(AutoScalingGroupName=NAME, MaxSize=9)
    client.delete_tags(Tags=[{"ResourceId": NAME, "Key": "chatlift:tier"}])
    mended = run_module("app_group", **OPTIONS)
    assert mended["diff"]["before"][f"group {NAME}"] == {"MaxSize": 9}
    assert mended["diff"]["after"][f"tags of group {NAME}"] == {"chatlift:tier": "app"}
    assert not run_module("app_group", **OPTIONS)["changed"]


def test_absent_leaves_nothing(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    absent = {"stack": STACK, "state": "absent", "delete_timeout": 5}
    assert run_module("app_group", **absent)["changed"]
    assert not aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert not aws("ec2").describe_launch_templates()["LaunchTemplates"]
    assert not run_module("app_group", **absent)["changed"]


def test_the_look_at_groups_tells_what_runs(aws: Any, run_module: Any) -> None:
    run_module("app_group", **OPTIONS)
    seen = run_module("group_info", stack=STACK, names=["app", "redis-a1"])["groups"]
    assert list(seen) == ["app"]
    assert seen["app"]["in_service"]
    running = {one["InstanceId"] for one in _group(aws)["Instances"]}
    assert {one["id"] for one in seen["app"]["instances"]} == running
    assert {one["image_id"] for one in seen["app"]["instances"]} == {OPTIONS["image_id"]}
    assert run_module("group_info", stack=STACK, names=["app"], wait=True)["groups"] == seen


def test_waiting_for_a_group_that_is_not_there_ends_at_once(run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no group for redis-a1 .* Run playbooks/site\.yml"):
        run_module("group_info", stack=STACK, names=["redis-a1"], wait=True)


def test_a_target_that_is_not_healthy_is_named_when_time_is_up(
    aws: Any, run_module: Any, target_group: str
) -> None:
    """The targets are not those of the group, so that none of its instances is healthy."""
    run_module("app_group", target_group_arns=[target_group], **OPTIONS)
    targets = aws("elbv2").describe_target_health(TargetGroupArn=target_group)
    aws("elbv2").deregister_targets(
        TargetGroupArn=target_group,
        Targets=[one["Target"] for one in targets["TargetHealthDescriptions"]],
    )
    with pytest.raises(ModuleFailed, match=r"Waited 1 s for app to be in service.*InService"):
        run_module("group_info", stack=STACK, names=["app"], wait=True, wait_timeout=1)
