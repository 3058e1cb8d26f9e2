"""Groups: capacity, health, replacement, activities, deletion."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def describe(cloud: Any, group: str) -> Any:
    answer = cloud.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return answer["AutoScalingGroups"][0]


def activities(cloud: Any, group: str) -> list[Any]:
    answer = cloud.groups.describe_scaling_activities(AutoScalingGroupName=group)
    return list(answer["Activities"])


def app(cloud: Any, desired: int = 1, **parameters: Any) -> list[str]:
    """The group ``app`` over three zones, with its first instances in service."""
    _, subnets = cloud.network()
    cloud.template("app")
    cloud.group("app", desired, VPCZoneIdentifier=",".join(subnets), **parameters)
    cloud.start_bodies()
    return [instance.id for instance in cloud.instances()]


def member(cloud: Any) -> str:
    """A group of one whose launch template names the interface 10.42.16.11."""
    _, subnets = cloud.network()
    eni = cloud.ec2.create_network_interface(SubnetId=subnets[1], PrivateIpAddress="10.42.16.11")[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    nic = {"DeviceIndex": 0, "NetworkInterfaceId": eni, "DeleteOnTermination": False}
    cloud.template("redis-b1", NetworkInterfaces=[nic])
    cloud.group("redis-b1", AvailabilityZones=["eu-central-1b"], MaxSize=1)
    cloud.start_bodies()
    return str(cloud.instances()[0].id)


def test_group_spreads_over_its_zones(cloud: Any) -> None:
    app(cloud, desired=3)
    zones = sorted(instance.availability_zone for instance in cloud.instances())
    assert zones == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    assert cloud.lifecycle("app") == ["InService"] * 3
    assert {instance.group for instance in cloud.instances()} == {"app"}


def test_instance_is_in_service_only_once_it_runs(cloud: Any) -> None:
    _, subnets = cloud.network()
    cloud.template("app")
    cloud.group("app", VPCZoneIdentifier=subnets[0])
    assert cloud.lifecycle("app") == ["Pending"]
    cloud.start_bodies()
    assert cloud.lifecycle("app") == ["InService"]


def test_numbered_version_is_launched_and_named(cloud: Any) -> None:
    _, subnets = cloud.network()
    cloud.template("app")
    cloud.ec2.create_launch_template_version(
        LaunchTemplateName="app", SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.large"}
    )
    template = {"LaunchTemplateName": "app", "Version": "2"}
    cloud.group("app", LaunchTemplate=template, VPCZoneIdentifier=subnets[0])
    assert cloud.instances()[0].instance_type == "t3.large"
    cloud.groups.update_auto_scaling_group(
        AutoScalingGroupName="app", LaunchTemplate={"LaunchTemplateName": "app", "Version": "1"}
    )
    assert describe(cloud, "app")["Instances"][0]["LaunchTemplate"]["Version"] == "2"


def test_tags_of_the_group_reach_its_instances(cloud: Any) -> None:
    tag = {"Key": "chatlift:tier", "Value": "app", "PropagateAtLaunch": True}
    app(cloud, Tags=[tag])
    assert cloud.instances()[0].tags["chatlift:tier"] == "app"
    assert cloud.instances()[0].tags["aws:autoscaling:groupName"] == "app"


@pytest.mark.parametrize("end", ["died", "terminated", "stopped"])
def test_lost_instance_is_replaced_in_its_zone(cloud: Any, end: str) -> None:
    lost, *_ = app(cloud, desired=3)
    zone = cloud.instance(lost).availability_zone
    if end == "died":
        cloud.emulator.instance_died(lost)
    elif end == "terminated":
        cloud.ec2.terminate_instances(InstanceIds=[lost])
    else:
        cloud.ec2.stop_instances(InstanceIds=[lost])
    cloud.wait(0)
    assert cloud.instance(lost).state == "shutting-down"
    cloud.stop_bodies()
    cloud.start_bodies()
    assert cloud.lifecycle("app") == ["InService"] * 3
    assert lost not in {instance.id for instance in cloud.instances()}
    assert cloud.instances()[-1].availability_zone == zone


def test_member_is_replaced_only_when_its_interface_is_free(cloud: Any) -> None:
    lost = member(cloud)
    cloud.emulator.instance_died(lost)
    cloud.wait(0)
    cloud.wait(10)
    assert [instance.id for instance in cloud.instances()] == [lost]
    cloud.stop_bodies()
    replacement = cloud.instances()[0]
    assert replacement.id != lost
    assert replacement.private_ip == "10.42.16.11"
    assert replacement.availability_zone == "eu-central-1b"
    assert [activity["StatusCode"] for activity in activities(cloud, "redis-b1")][1:] == [
        "Successful",
        "Successful",
    ]


def test_instance_reported_unhealthy_is_replaced(cloud: Any) -> None:
    ill = app(cloud)[0]
    cloud.groups.set_instance_health(InstanceId=ill, HealthStatus="Unhealthy")
    cloud.wait(0)
    assert "user health-check" in activities(cloud, "app")[0]["Cause"]
    cloud.stop_bodies()
    assert cloud.instances()[0].id != ill


def test_capacity_follows_desired(cloud: Any) -> None:
    app(cloud, desired=1)
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=4)
    cloud.wait(0)
    cloud.start_bodies()
    assert cloud.lifecycle("app") == ["InService"] * 4
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=2)
    cloud.wait(0)
    cloud.stop_bodies()
    assert cloud.lifecycle("app") == ["InService"] * 2


def test_protected_instance_is_not_scaled_in(cloud: Any) -> None:
    kept = app(cloud, desired=2)[0]
    cloud.groups.set_instance_protection(
        AutoScalingGroupName="app", InstanceIds=[kept], ProtectedFromScaleIn=True
    )
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=1)
    cloud.wait(0)
    cloud.stop_bodies()
    assert [instance.id for instance in cloud.instances()] == [kept]


def test_desired_capacity_stays_within_its_bounds(cloud: Any) -> None:
    app(cloud, desired=1, MinSize=1)
    for wrong in (5, 0):
        with pytest.raises(ClientError, match="ValidationError"):
            cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=wrong)
    cloud.groups.update_auto_scaling_group(AutoScalingGroupName="app", MinSize=2, MaxSize=3)
    assert describe(cloud, "app")["DesiredCapacity"] == 2


def test_terminate_in_group_replaces_or_shrinks(cloud: Any) -> None:
    first, second = app(cloud, desired=2)
    terminate = cloud.groups.terminate_instance_in_auto_scaling_group
    answer = terminate(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    assert "in response to a user request" in answer["Activity"]["Cause"]
    terminate(InstanceId=second, ShouldDecrementDesiredCapacity=True)
    cloud.wait(0)
    cloud.stop_bodies()
    cloud.start_bodies()
    assert describe(cloud, "app")["DesiredCapacity"] == 1
    assert len(cloud.instances()) == 1


def test_failed_launch_is_told_and_tried_again_ever_later(cloud: Any, debian: Any) -> None:
    _, subnets = cloud.network()
    cloud.template("app")
    cloud.ec2.deregister_image(ImageId=debian.id)
    cloud.group("app", VPCZoneIdentifier=subnets[0])
    failed = activities(cloud, "app")
    assert [activity["StatusCode"] for activity in failed] == ["Failed"]
    assert debian.id in failed[0]["StatusMessage"]
    cloud.wait(1)
    assert len(activities(cloud, "app")) == 1
    for _ in range(100):
        cloud.wait(1)
    assert len(activities(cloud, "app")) == 6  # after 0, 2, 6, 14, 30 and 62 seconds


def test_suspended_launch_waits(cloud: Any) -> None:
    app(cloud, desired=1)
    cloud.groups.suspend_processes(AutoScalingGroupName="app", ScalingProcesses=["Launch"])
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=2)
    cloud.wait(0)
    assert len(cloud.instances()) == 1
    cloud.groups.resume_processes(AutoScalingGroupName="app")
    cloud.wait(0)
    assert len(cloud.instances()) == 2


def test_delete_refuses_while_instances_are_left_unless_forced(cloud: Any) -> None:
    app(cloud)
    cloud.groups.put_lifecycle_hook(
        AutoScalingGroupName="app",
        LifecycleHookName="terminate",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    with pytest.raises(ClientError, match="ResourceInUse"):
        cloud.groups.delete_auto_scaling_group(AutoScalingGroupName="app")
    cloud.groups.delete_auto_scaling_group(AutoScalingGroupName="app", ForceDelete=True)
    assert describe(cloud, "app")["Status"] == "Delete in progress"
    cloud.stop_bodies()
    assert cloud.groups.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert cloud.instances() == []


def test_attached_instance_is_a_member_like_any_other(cloud: Any) -> None:
    app(cloud)
    attached = cloud.run()
    cloud.groups.attach_instances(AutoScalingGroupName="app", InstanceIds=[attached])
    cloud.wait(0)
    assert cloud.lifecycle("app") == ["InService"] * 2
    assert "LaunchTemplate" not in describe(cloud, "app")["Instances"][1]
    cloud.emulator.instance_died(attached)
    cloud.wait(0)
    cloud.stop_bodies()
    cloud.start_bodies()
    assert cloud.lifecycle("app") == ["InService"] * 2


def test_name_is_taken(cloud: Any) -> None:
    app(cloud)
    with pytest.raises(ClientError, match="AlreadyExists"):
        cloud.group("app", AvailabilityZones=["eu-central-1a"])


def test_unknown_names_are_validation_errors(cloud: Any) -> None:
    with pytest.raises(ClientError, match="AutoScalingGroup 'nobody' not found"):
        cloud.groups.set_desired_capacity(AutoScalingGroupName="nobody", DesiredCapacity=1)
    with pytest.raises(ClientError, match="No managed instance found"):
        cloud.groups.set_instance_health(InstanceId="i-0", HealthStatus="Unhealthy")


def test_parameters_that_moto_drops_are_kept(cloud: Any) -> None:
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}
    app(cloud, DefaultInstanceWarmup=30, InstanceMaintenancePolicy=policy, DefaultCooldown=5)
    seen = describe(cloud, "app")
    assert seen["DefaultInstanceWarmup"] == 30
    assert seen["InstanceMaintenancePolicy"] == policy
    assert seen["HealthCheckGracePeriod"] == 0
    cloud.groups.update_auto_scaling_group(AutoScalingGroupName="app", DefaultCooldown=7)
    assert describe(cloud, "app")["DefaultCooldown"] == 7


def test_metrics_collection_can_be_ended(cloud: Any) -> None:
    app(cloud)
    metrics = ["GroupMinSize", "GroupMaxSize"]
    cloud.groups.enable_metrics_collection(
        AutoScalingGroupName="app", Granularity="1Minute", Metrics=metrics
    )
    cloud.groups.disable_metrics_collection(AutoScalingGroupName="app", Metrics=metrics[:1])
    assert [m["Metric"] for m in describe(cloud, "app")["EnabledMetrics"]] == ["GroupMaxSize"]


LAUNCH_FIRST = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}


def test_a_replacement_comes_first_where_the_group_asks_for_it(cloud: Any) -> None:
    ill = app(cloud, 2, MinSize=2, InstanceMaintenancePolicy=LAUNCH_FIRST)[0]
    cloud.groups.set_instance_health(InstanceId=ill, HealthStatus="Unhealthy")
    cloud.wait(1)
    assert sorted(cloud.lifecycle("app")) == ["InService", "InService", "Pending"]
    cloud.start_bodies()
    cloud.wait(1)
    assert cloud.instance(ill).state == "shutting-down"
    cloud.stop_bodies()
    assert cloud.lifecycle("app") == ["InService", "InService"]


def test_a_replacement_that_comes_first_takes_the_zone_of_the_other(cloud: Any) -> None:
    for ill in app(cloud, 3, MinSize=3, InstanceMaintenancePolicy=LAUNCH_FIRST):
        zone = cloud.instance(ill).availability_zone
        cloud.groups.set_instance_health(InstanceId=ill, HealthStatus="Unhealthy")
        cloud.wait(1)
        assert cloud.instances("pending")[0].availability_zone == zone
        cloud.start_bodies()
        cloud.wait(1)
        cloud.stop_bodies()


def test_no_more_are_replaced_at_once_than_the_group_has_room_for(cloud: Any) -> None:
    for ill in app(cloud, 4, MinSize=4, MaxSize=8, InstanceMaintenancePolicy=LAUNCH_FIRST):
        cloud.groups.set_instance_health(InstanceId=ill, HealthStatus="Unhealthy")
    cloud.wait(1)
    assert len(cloud.instances("pending")) == 2


def test_an_instance_that_is_gone_is_replaced_at_once(cloud: Any) -> None:
    gone = app(cloud, 2, MinSize=2, InstanceMaintenancePolicy=LAUNCH_FIRST)[0]
    cloud.emulator.instance_died(gone)
    cloud.wait(1)
    assert len(cloud.instances("pending")) == 1
    assert cloud.instance(gone).state == "shutting-down"


def test_termination_policies_are_asked_in_their_order(cloud: Any) -> None:
    cloud.template("app")
    subnet = cloud.network()[1][0]
    cloud.group("app", 1, VPCZoneIdentifier=subnet, TerminationPolicies=["NewestInstance"])
    cloud.start_bodies()
    oldest = cloud.instances("running")[0].id
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=3)
    cloud.wait(1)
    cloud.start_bodies()
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=1)
    cloud.wait(1)
    cloud.stop_bodies()
    assert [instance.id for instance in cloud.instances("running")] == [oldest]


def test_a_mixed_group_launches_the_preferred_type_and_keeps_its_policy(cloud: Any) -> None:
    cloud.template("app")
    specification = {"LaunchTemplateName": "app", "Version": "1"}
    cloud.groups.create_auto_scaling_group(
        AutoScalingGroupName="app",
        VPCZoneIdentifier=cloud.network()[1][0],
        MinSize=1,
        MaxSize=2,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": specification,
                "Overrides": [{"InstanceType": "t3.large"}, {"InstanceType": "t3.medium"}],
            },
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 50},
        },
    )
    cloud.wait(1)
    assert [i.instance_type for i in cloud.instances()] == ["t3.large"]
    cloud.groups.update_auto_scaling_group(AutoScalingGroupName="app", MaxSize=3)
    [group] = cloud.groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    assert "LaunchTemplate" not in group
    cloud.groups.update_auto_scaling_group(AutoScalingGroupName="app", LaunchTemplate=specification)
    [group] = cloud.groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert "MixedInstancesPolicy" not in group
    assert group["LaunchTemplate"]["Version"] == "1"
