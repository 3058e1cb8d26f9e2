"""The life of a stack by its playbooks, on the emulated API. The tests build on each other."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.integration.ansible import REPOSITORY
from tests.integration.cloud import Cloud
from tests.integration.rehearsed_site import eventually
from tests.unit.policy import several

POLICY = REPOSITORY / "docs" / "reference" / "controller-policy.json"
STACK = "demo"
OF_STACK = [{"Name": "tag:chatlift:stack", "Values": [STACK]}]
TIERS = ("app", "redis", "mysql")
SECRETS = [f"chatlift/{STACK}/{name}" for name in ("app", "ca", "mysql", "redis")]


def _groups(cloud: Cloud) -> dict[str, dict[str, Any]]:
    found = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {group["AutoScalingGroupName"]: group for group in found}


def _instances(cloud: Cloud) -> dict[str, list[str]]:
    return {
        name: sorted(one["InstanceId"] for one in group["Instances"])
        for name, group in _groups(cloud).items()
    }


def _volumes(cloud: Cloud) -> set[str]:
    found = cloud.client("ec2").describe_volumes(
        Filters=[*OF_STACK, {"Name": "tag-key", "Values": ["chatlift:member"]}]
    )
    return {volume["VolumeId"] for volume in found["Volumes"]}


def _snapshots(cloud: Cloud) -> list[dict[str, Any]]:
    """The final snapshots that are complete and say until when they are kept."""
    of_final = {"Name": "tag:chatlift:snapshot", "Values": ["final"]}
    found = cloud.client("ec2").describe_snapshots(Filters=[*OF_STACK, of_final])["Snapshots"]
    return [
        one
        for one in found
        if one["State"] == "completed"
        and "chatlift:retain-until" in {tag["Key"] for tag in one["Tags"]}
    ]


def _secrets(cloud: Cloud) -> dict[str, str]:
    client = cloud.client("secretsmanager")
    names = [one["Name"] for one in client.list_secrets()["SecretList"]]
    return {name: client.get_secret_value(SecretId=name)["SecretString"] for name in sorted(names)}


def _log_groups(cloud: Cloud) -> dict[str, int]:
    """Days for which each log group keeps entries."""
    found = cloud.client("logs").describe_log_groups()["logGroups"]
    return {group["logGroupName"]: group["retentionInDays"] for group in found}


def test_check_mode_foretells_a_new_stack_and_makes_nothing(cloud: Cloud, play: Any) -> None:
    planned = play("site", "--check")
    assert "redis-a1: Make address, volume, launch template and group" in [
        change.replace("chatlift.aws.data_tier : ", "") for change in planned.changed
    ]
    assert not cloud.client("ec2").describe_vpcs(Filters=OF_STACK)["Vpcs"]
    assert not _secrets(cloud)
    assert not _log_groups(cloud)


def test_a_stage_says_which_one_comes_first(play: Any) -> None:
    refused = play("app_tier", ok=False)
    assert "Run playbooks/network.yml first." in refused.messages[0]


def test_nothing_is_launched_when_a_bake_failed(cloud: Cloud, play: Any) -> None:
    failed = play("site", ok=False)
    assert any("This ends before its next step" in message for message in failed.messages)
    assert not _groups(cloud)


def _alarms(cloud: Cloud) -> list[str]:
    found = cloud.client("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"] + found["CompositeAlarms"]]


def test_site_makes_the_stack(cloud: Cloud, play: Any, images: dict[str, str]) -> None:
    play("site")
    groups = _groups(cloud)
    assert len(groups) == 10
    for name, group in groups.items():
        states = {one["LifecycleState"] for one in group["Instances"]}
        assert states == {"InService"}, name
        assert len(group["Instances"]) == (3 if name.endswith("-app") else 1)
    assert sorted(_secrets(cloud)) == SECRETS
    assert len(_volumes(cloud)) == 9
    assert _log_groups(cloud) == {f"/chatlift/{STACK}/{name}": 30 for name in (*TIERS, "flow")}
    assert f"chatlift-{STACK}-serving" in _alarms(cloud)


def test_plan_names_exactly_the_drift(cloud: Cloud, play: Any) -> None:
    ec2, groups = cloud.client("ec2"), cloud.client("autoscaling")
    groups.update_auto_scaling_group(AutoScalingGroupName=f"chatlift-{STACK}-app", MaxSize=9)
    tag = {
        "ResourceId": f"chatlift-{STACK}-redis-a1",
        "ResourceType": "auto-scaling-group",
        "Key": "chatlift:tier",
        "Value": "another",
        "PropagateAtLaunch": False,
    }
    groups.create_or_update_tags(Tags=[tag])
    name = {"Name": "group-name", "Values": [f"chatlift-{STACK}-redis"]}
    redis = ec2.describe_security_groups(Filters=[name])["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=redis, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    template = ec2.create_launch_template_version(
        LaunchTemplateName=f"chatlift-{STACK}-mysql-b1",
        SourceVersion="1",
        LaunchTemplateData={"InstanceType": "t3.large"},
    )["LaunchTemplateVersion"]
    groups.update_auto_scaling_group(
        AutoScalingGroupName=f"chatlift-{STACK}-mysql-b1",
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": "2"},
    )

    refused = play("plan", ok=False, plan_strict=True)
    found = refused.result("account", "Run it in check mode")["changes"]
    assert {(one["resource"], one["before"], one["after"]) for one in found} == {
        (f"group chatlift-{STACK}-app MaxSize", "9", "6"),
        (f"tags of group chatlift-{STACK}-redis-a1 chatlift:tier", "another", "redis"),
        ("rules of security group redis", "tcp 22-22 from 0.0.0.0/0", "-"),
        (f"group chatlift-{STACK}-mysql-b1 LaunchTemplate Version", "2", "1"),
    }
    assert "is not what the inventory says, in 4 points" in refused.messages[0]
    play("site")


def test_a_second_run_changes_nothing(play: Any) -> None:
    assert play("site").changed == []


def test_plan_on_a_finished_stack_has_nothing(play: Any) -> None:
    play("plan", plan_strict=True)


def test_no_secret_is_in_user_data_or_in_the_output(cloud: Cloud, play: Any) -> None:
    shown = play("secrets", "-vvv").text
    ec2 = cloud.client("ec2")
    for template in ec2.describe_launch_templates()["LaunchTemplates"]:
        versions = ec2.describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"]
        )
        shown += json.dumps(versions["LaunchTemplateVersions"], default=str)
    for text in _secrets(cloud).values():
        for key, value in json.loads(text).items():
            if key.endswith(("password", "private_key", "session_secret")):
                assert value not in shown, key


def test_limit_changes_one_member_only(cloud: Cloud, play: Any) -> None:
    before = _instances(cloud)
    changed = play("data_tier", "--limit", "redis-a1", data_tier_instance_type="t3.medium")
    assert [change.split(":")[0] for change in changed.changed] == ["redis-a1"]
    versions = {name: group["LaunchTemplate"]["Version"] for name, group in _groups(cloud).items()}
    assert [name for name, version in versions.items() if version == "2"] == [
        f"chatlift-{STACK}-redis-a1"
    ]
    assert _instances(cloud) == before


def test_a_new_image_is_recorded_and_replaces_nothing(cloud: Cloud, play: Any) -> None:
    before = _instances(cloud)
    play("data_tier")
    image = cloud.bake("mysql", "newer")
    changed = play("data_tier", "--limit", "mysql")
    assert [change.split(":")[0] for change in changed.changed] == [
        "mysql-a1",
        "mysql-b1",
        "mysql-c1",
    ]
    template = cloud.client("ec2").describe_launch_template_versions(
        LaunchTemplateName=f"chatlift-{STACK}-mysql-a1", Versions=["2"]
    )["LaunchTemplateVersions"][0]
    assert template["LaunchTemplateData"]["ImageId"] == image
    assert _instances(cloud) == before


# At once, so that the tests need not wait.
ROLL = {
    "app_tier_roll_alarms": [],
    "app_tier_roll_bake_time": 0,
    "app_tier_instance_warmup": 1,
}


def _app(cloud: Cloud) -> tuple[str, set[str]]:
    """The version that the app group launches, and those that its instances have."""
    group = _groups(cloud)[f"chatlift-{STACK}-app"]
    versions = {one["LaunchTemplate"]["Version"] for one in group["Instances"]}
    return group["LaunchTemplate"]["Version"], versions


def test_a_new_release_waits_for_a_rolling_deployment(cloud: Cloud, play: Any) -> None:
    before = _instances(cloud)
    cloud.bake("node", "newer")
    told = play("app_tier", **ROLL)
    assert "stays with version 1 of its launch template until" in told.text
    assert _app(cloud) == ("1", {"1"})
    assert _instances(cloud) == before
    assert not play("app_tier", **ROLL).changed


def test_check_mode_tells_which_instances_a_deployment_replaces(cloud: Cloud, play: Any) -> None:
    before = _instances(cloud)[f"chatlift-{STACK}-app"]
    planned = play("rolling_deploy", "--limit", "app", "--check", **ROLL)
    shown = planned.result("app-group", "Show which instances that replaces, with zone and version")
    assert sorted(line.split()[0] for line in shown["msg"]) == before
    assert _app(cloud) == ("1", {"1"})


def test_a_deployment_does_not_begin_in_alarm(cloud: Cloud, play: Any) -> None:
    usual = {name: value for name, value in ROLL.items() if name != "app_tier_roll_alarms"}
    refused = play("rolling_deploy", "--limit", "app", ok=False, **usual)
    assert f"The alarm chatlift-{STACK}-serving is in the state" in refused.messages[0]
    assert _app(cloud) == ("1", {"1"})


def test_a_rolling_deployment_replaces_all_instances_once(cloud: Cloud, play: Any) -> None:
    before = set(_instances(cloud)[f"chatlift-{STACK}-app"])
    play("rolling_deploy", "--limit", "app", **ROLL)
    assert _app(cloud) == ("2", {"2"})
    assert not before & set(_instances(cloud)[f"chatlift-{STACK}-app"])
    assert not play("rolling_deploy", "--limit", "app", **ROLL).changed
    assert "stays with version" not in play("app_tier", **ROLL).text


def test_a_deployment_is_undone(cloud: Cloud, play: Any) -> None:
    planned = play("rollback", "--limit", "app", "--check", **ROLL)
    assert [change.split(": ")[0] for change in planned.changed] == ["app-group"]
    play("rollback", "--limit", "app", **ROLL)
    assert _app(cloud) == ("1", {"1"})
    assert not play("rollback", "--limit", "app", **ROLL).changed
    [left] = _undone(cloud)
    # A controller that was killed while the instances were replaced would have left it like that.
    cloud.client("ec2").delete_tags(Resources=[left["ImageId"]], Tags=[{"Key": "chatlift:undone"}])
    assert not _undone(cloud)
    play("app_tier", **ROLL)
    assert [one["ImageId"] for one in _undone(cloud)] == [left["ImageId"]]
    assert _app(cloud) == ("1", {"1"})


def test_a_release_that_crashes_at_boot_is_undone(
    cloud: Cloud, play: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _instances(cloud)
    monkeypatch.setattr(cloud, "broken_images", {cloud.bake("node", "broken")})
    failed = play("rolling_deploy", "--limit", "app", ok=False, **ROLL)
    assert "ended as RollbackSuccessful: 3 new instances failed" in failed.messages[0]
    assert "All instances run version 1 again" in failed.messages[0]
    assert _app(cloud) == ("1", {"1"})
    assert _instances(cloud) == before


def _undone(cloud: Cloud) -> list[dict[str, Any]]:
    """The images that were undone, the newest first."""
    filters = [{"Name": "tag-key", "Values": ["chatlift:undone"]}]
    found = cloud.client("ec2").describe_images(Filters=filters)["Images"]
    return sorted(found, key=lambda one: str(one["CreationDate"]), reverse=True)


def test_an_image_that_was_undone_while_nobody_looked_is_noted(cloud: Cloud, play: Any) -> None:
    [broken, *_] = noted = [one["ImageId"] for one in _undone(cloud)]
    # A controller that was killed while AWS rolled back would have left it like that.
    cloud.client("ec2").delete_tags(Resources=[broken], Tags=[{"Key": "chatlift:undone"}])
    planned = play("rolling_deploy", "--limit", "app", "--check", **ROLL)
    assert [change.split(": ")[0] for change in planned.changed] == ["app-group"]
    assert broken not in [one["ImageId"] for one in _undone(cloud)]
    play("app_tier", **ROLL)
    assert [one["ImageId"] for one in _undone(cloud)] == noted
    assert _app(cloud) == ("1", {"1"})


def test_an_image_that_was_undone_is_rolled_out_by_its_name_alone(cloud: Cloud, play: Any) -> None:
    broken = _undone(cloud)[0]["ImageId"]
    told = play("rolling_deploy", "--limit", "app", "--check", **ROLL)
    assert not told.changed
    assert f"The image {broken} is passed over, as it was undone at 20" in told.text
    named = play("app_tier", app_tier_image_id=broken, **ROLL)
    assert [change.split(": ")[0] for change in named.changed] == ["app-group"]
    assert "passed over" not in play("app_tier", **ROLL).text


def test_images_that_nothing_needs_are_deleted(cloud: Cloud, play: Any) -> None:
    all_of_them: dict[str, Any] = {"prune_keep": 0, "prune_min_age_days": 0}
    planned = play("prune_images", "--check", **all_of_them)
    told = planned.result("account", "Delete what is neither new nor in use")
    [undone] = told["deleted"]  # its release was undone, and the next one failed
    shown = play("prune_images", **all_of_them).result("account", "and why others are left")
    assert f"{undone['image_id']}: deleted" in shown["msg"]
    assert not cloud.client("ec2").describe_images(
        Filters=[{"Name": "image-id", "Values": [undone["image_id"]]}]
    )["Images"]
    assert not play("prune_images", **all_of_them).changed


def test_journals_are_kept_for_as_long_as_the_inventory_says(cloud: Cloud, play: Any) -> None:
    play("observability", observability_log_retention_days=90)
    journals = {f"/chatlift/{STACK}/{tier}" for tier in TIERS}
    assert {days for name, days in _log_groups(cloud).items() if name in journals} == {90}
    assert play("observability", observability_log_retention_days=90).changed == []


def test_status_shows_where_clients_go(play: Any) -> None:
    shown = play("status").result("app-group", "Show them")["msg"]
    assert shown["url"].startswith(f"http://chatlift-{STACK}")
    assert len(shown["instances"]) == 12


def test_inventory_lists_what_the_stack_consists_of(play: Any) -> None:
    counts = play("inventory").result("account", "Ask each service")["counts"]
    assert {kind: counts[kind] for kind in ("instance", "Auto Scaling group", "secret")} == {
        "instance": 12,
        "Auto Scaling group": 10,
        "secret": 4,
    }
    assert counts["volume"] == 9


@pytest.mark.parametrize("confirm", [{}, {"confirm": "prod"}])
def test_destroy_wants_the_name(cloud: Cloud, play: Any, confirm: dict[str, str]) -> None:
    refused = play("destroy", ok=False, **confirm)
    assert f"write -e confirm={STACK}" in refused.messages[0]
    assert len(_groups(cloud)) == 10


def test_destroy_begins_with_no_load_balancer_that_is_protected(cloud: Cloud, play: Any) -> None:
    elb = cloud.client("elbv2")
    [balancer] = elb.describe_load_balancers(Names=[f"chatlift-{STACK}"])["LoadBalancers"]

    def protect(value: str) -> None:
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Attributes=[{"Key": "deletion_protection.enabled", "Value": value}],
        )

    protect("true")
    refused = play("destroy", ok=False, confirm=STACK)
    protect("false")
    assert "Set app_tier_deletion_protection to false" in refused.messages[0]
    assert refused.changed == []
    assert len(_groups(cloud)) == 10


def test_destroy_wants_the_name_twice_for_the_data(cloud: Cloud, play: Any) -> None:
    refused = play("destroy", ok=False, confirm=STACK, destroy_data=True)
    assert f"write -e confirm_data={STACK}" in refused.messages[0]
    assert len(_groups(cloud)) == 10


def _warm(cloud: Cloud) -> dict[str, str]:
    """The states of the instances in the app tier's warm pool, by their ids."""
    found = cloud.client("autoscaling").describe_warm_pool(
        AutoScalingGroupName=f"chatlift-{STACK}-app"
    )
    return {one["InstanceId"]: one["LifecycleState"] for one in found["Instances"]}


def test_app_tier_grows_from_its_warm_pool(cloud: Cloud, play: Any) -> None:
    wanted = {"app_tier_warm_pool": "stopped", "app_tier_warm_pool_min_size": 1}
    name = f"chatlift-{STACK}-app"
    found = play("plan", **wanted).result("account", "Run it in check mode")["changes"]
    # Beside what earlier tests left to be planned.
    assert {(one["resource"], one["change"]) for one in found} >= {
        (f"warm pool of group {name}", "create"),
        (f"metrics of group {name}", "change"),
    }
    play("app_tier", **wanted)
    assert play("app_tier", **wanted).changed == []
    # As many as the group lacks of its maximum, which is 6.
    eventually("warm instances", lambda: list(_warm(cloud).values()) == ["Warmed:Stopped"] * 3)
    shown = play("status").result("app-group", "Show them")["msg"]["instances"]
    assert [line for line in shown if "warm pool" in line] == ["app       3 in the warm pool"]
    warm = set(_warm(cloud))
    groups = cloud.client("autoscaling")
    groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=4)
    eventually("a fourth in service", lambda: len(_in_service(cloud, name)) == 4)
    assert len(_in_service(cloud, name) & warm) == 1
    groups.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=3)
    play("app_tier")
    assert not _warm(cloud)
    # For the next test: destroy.yml ends what waits as well.
    play("app_tier", **wanted)
    assert _warm(cloud)


def _in_service(cloud: Cloud, group: str) -> set[str]:
    return {
        one["InstanceId"]
        for one in _groups(cloud)[group]["Instances"]
        if one["LifecycleState"] == "InService"
    }


def test_destroy_keeps_the_data_and_site_takes_it_up_again(cloud: Cloud, play: Any) -> None:
    volumes, secrets = _volumes(cloud), _secrets(cloud)
    left = play("destroy", confirm=STACK).result(
        "account", "nothing is left but what is to be kept"
    )
    assert set(left["counts"]) == {"volume", "secret", "log group", "snapshot"}
    assert not cloud.client("ec2").describe_vpcs(Filters=OF_STACK)["Vpcs"]
    assert not _groups(cloud)
    assert not _alarms(cloud)
    assert _volumes(cloud) == volumes
    assert {one["VolumeId"] for one in _snapshots(cloud)} == volumes
    assert _secrets(cloud) == secrets
    assert len(_log_groups(cloud)) == 4

    assert play("destroy", confirm=STACK).changed == []

    play("site")
    assert _volumes(cloud) == volumes
    assert _secrets(cloud) == secrets
    assert len(_snapshots(cloud)) == 9


def test_destroy_takes_the_data_too_when_told(cloud: Cloud, play: Any) -> None:
    play("destroy", confirm=STACK, confirm_data=STACK, destroy_data=True, secrets_recovery_days=0)
    assert not _volumes(cloud)
    assert not _secrets(cloud)
    assert not _log_groups(cloud)
    ec2, iam, elb = cloud.client("ec2"), cloud.client("iam"), cloud.client("elbv2")
    assert not ec2.describe_launch_templates()["LaunchTemplates"]
    assert not ec2.describe_network_interfaces(Filters=OF_STACK)["NetworkInterfaces"]
    assert not ec2.describe_addresses(Filters=OF_STACK)["Addresses"]
    assert not elb.describe_load_balancers()["LoadBalancers"]
    assert not elb.describe_target_groups()["TargetGroups"]
    assert not [
        role["RoleName"]
        for role in iam.list_roles()["Roles"]
        if role["RoleName"].startswith("chatlift-")
    ]
    assert not iam.list_instance_profiles()["InstanceProfiles"]
    # Each volume was ended twice, and each time a snapshot was taken.
    assert len(_snapshots(cloud)) == 18
    listed = play("inventory").result("account", "Ask each service")
    assert set(listed["counts"]) == {"snapshot"}


def test_the_documented_policy_of_the_controller_allows_all_that_was_asked_for(
    cloud: Cloud,
) -> None:
    statements = json.loads(POLICY.read_text())["Statement"]
    patterns = [one.lower() for statement in statements for one in several(statement["Action"])]
    assert "ec2:CreateVpc" in cloud.calls
    assert not [
        call
        for call in sorted(cloud.calls)
        if not any(fnmatchcase(call.lower(), pattern) for pattern in patterns)
    ]


def test_destroy_takes_a_stack_that_was_only_begun(cloud: Cloud, play: Any) -> None:
    play("network", network_interface_endpoints=["logs", "secretsmanager"])
    play("destroy", confirm=STACK)
    assert not cloud.client("ec2").describe_vpcs(Filters=OF_STACK)["Vpcs"]
