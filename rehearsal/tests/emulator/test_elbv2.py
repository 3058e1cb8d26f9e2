"""Load balancers, target groups and what Auto Scaling has to do with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.model import FixedResponse, Redirect, RuleView

DELAY = 20


@pytest.fixture
def balanced(cloud: Any) -> Any:
    """A load balancer before the target group ``app``, to which a group of two belongs."""
    vpc, subnets = cloud.network()
    cloud.subnets = subnets
    balancer = cloud.elb.create_load_balancer(Name="chat", Subnets=subnets, Scheme="internal")
    cloud.balancer = balancer["LoadBalancers"][0]
    cloud.target_group = cloud.elb.create_target_group(
        Name="app",
        Protocol="HTTP",
        Port=8080,
        VpcId=vpc,
        HealthCheckPort="8008",
        HealthCheckPath="/healthz",
    )["TargetGroups"][0]["TargetGroupArn"]
    cloud.listener = cloud.elb.create_listener(
        LoadBalancerArn=cloud.balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": cloud.target_group}],
    )["Listeners"][0]["ListenerArn"]
    set_attributes(cloud, **{"deregistration_delay.timeout_seconds": str(DELAY)})
    cloud.template("app")
    cloud.group(
        "app",
        desired=2,
        VPCZoneIdentifier=",".join(subnets),
        TargetGroupARNs=[cloud.target_group],
        HealthCheckType="ELB",
        HealthCheckGracePeriod=30,
    )
    cloud.start_bodies()
    return cloud


def set_attributes(cloud: Any, **attributes: str) -> None:
    pairs = [{"Key": key, "Value": value} for key, value in attributes.items()]
    cloud.elb.modify_target_group_attributes(TargetGroupArn=cloud.target_group, Attributes=pairs)


def health(cloud: Any) -> dict[str, str]:
    answer = cloud.elb.describe_target_health(TargetGroupArn=cloud.target_group)
    return {
        target["Target"]["Id"]: target["TargetHealth"]["State"]
        for target in answer["TargetHealthDescriptions"]
    }


def find(cloud: Any, instance: str, state: str) -> None:
    cloud.emulator.target_health(cloud.target_group, instance, state)


def test_load_balancer_has_an_address_in_each_subnet(balanced: Any) -> None:
    view = balanced.emulator.view().load_balancers[0]
    assert view.addresses == ("10.42.0.4", "10.42.16.4", "10.42.32.4")
    assert view.dns_name == balanced.balancer["DNSName"]
    assert view.dns_name.startswith("internal-chat-")
    assert view.dns_name.endswith(".eu-central-1.elb.amazonaws.com")
    balanced.elb.delete_load_balancer(LoadBalancerArn=balanced.balancer["LoadBalancerArn"])
    owners = {
        eni["RequesterManaged"]
        for eni in balanced.ec2.describe_network_interfaces()["NetworkInterfaces"]
    }
    assert owners == {False}


def test_name_is_taken(balanced: Any) -> None:
    with pytest.raises(ClientError, match="DuplicateLoadBalancerName"):
        balanced.elb.create_load_balancer(Name="chat", Subnets=balanced.subnets)


def test_attributes_have_their_defaults(balanced: Any) -> None:
    answer = balanced.elb.describe_load_balancer_attributes(
        LoadBalancerArn=balanced.balancer["LoadBalancerArn"]
    )
    attributes = {pair["Key"]: pair["Value"] for pair in answer["Attributes"]}
    assert attributes["idle_timeout.timeout_seconds"] == "60"
    assert attributes["routing.http2.enabled"] == "true"
    answer = balanced.elb.describe_target_group_attributes(TargetGroupArn=balanced.target_group)
    attributes = {pair["Key"]: pair["Value"] for pair in answer["Attributes"]}
    assert attributes["stickiness.lb_cookie.duration_seconds"] == "86400"


def test_rules_are_in_the_order_of_priority_and_the_default_comes_last(balanced: Any) -> None:
    for priority, pattern in ((20, "/b/*"), (3, "/a/*")):
        balanced.elb.create_rule(
            ListenerArn=balanced.listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [pattern]}],
            Actions=[{"Type": "forward", "TargetGroupArn": balanced.target_group}],
        )
    listener = balanced.emulator.view().load_balancers[0].listeners[0]
    assert [rule.paths for rule in listener.rules] == [("/a/*",), ("/b/*",), ()]


def test_a_load_balancer_may_answer_by_itself(balanced: Any) -> None:
    header = {"HttpHeaderName": "X-Origin", "Values": ["secret"]}
    balanced.elb.create_rule(
        ListenerArn=balanced.listener,
        Priority=1,
        Conditions=[{"Field": "http-header", "HttpHeaderConfig": header}],
        Actions=[
            {
                "Type": "redirect",
                "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
            }
        ],
    )
    balanced.elb.create_rule(
        ListenerArn=balanced.listener,
        Priority=2,
        Conditions=[{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": balanced.target_group}],
    )
    refuse = {"StatusCode": "403", "ContentType": "text/plain", "MessageBody": "No."}
    balanced.elb.modify_listener(
        ListenerArn=balanced.listener,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": refuse}],
    )
    listener = balanced.emulator.view().load_balancers[0].listeners[0]
    assert listener.rules == (
        RuleView(
            headers=(("X-Origin", ("secret",)),), answer=Redirect("https", 443, 301), priority=1
        ),
        RuleView(answer=FixedResponse(403, "text/plain", "No.")),
    )


def test_view_of_a_target_group(balanced: Any) -> None:
    set_attributes(balanced, **{"stickiness.enabled": "true"})
    view = balanced.emulator.view().target_groups[0]
    assert (view.check_path, view.check_port, view.check_matcher) == ("/healthz", 8008, "200")
    assert (view.stickiness, view.stickiness_seconds) == ("lb_cookie", 86400)
    assert [(target.address, target.port) for target in view.targets] == [
        (instance.private_ip, 8080) for instance in balanced.instances()
    ]


def test_target_group_of_another_protocol_can_be_viewed_too(cloud: Any) -> None:
    vpc, _ = cloud.network()
    cloud.elb.create_target_group(Name="tls", Protocol="TLS", Port=443, VpcId=vpc)
    view = cloud.emulator.view().target_groups[0]
    assert (view.protocol, view.stickiness, view.check_matcher) == ("TLS", "", "")


def test_health_is_what_was_found(balanced: Any) -> None:
    first, second = (instance.id for instance in balanced.instances())
    assert health(balanced) == {first: "initial", second: "initial"}
    find(balanced, first, "healthy")
    find(balanced, second, "unhealthy")
    assert health(balanced) == {first: "healthy", second: "unhealthy"}


def test_target_group_without_listener_is_unused(balanced: Any) -> None:
    balanced.elb.delete_listener(ListenerArn=balanced.listener)
    assert set(health(balanced).values()) == {"unused"}


def test_deregistered_target_drains(balanced: Any) -> None:
    instance = balanced.instances()[0]
    balanced.elb.deregister_targets(
        TargetGroupArn=balanced.target_group, Targets=[{"Id": instance.id}]
    )
    assert health(balanced)[instance.id] == "draining"
    draining = balanced.emulator.view().target_groups[0].draining
    assert [target.address for target in draining] == [instance.private_ip]


def test_unhealthy_target_is_replaced_after_the_grace_period(balanced: Any) -> None:
    ill = balanced.instances()[0].id
    find(balanced, ill, "unhealthy")
    balanced.wait(29)
    assert balanced.lifecycle("app") == ["InService", "InService"]
    balanced.wait(2)
    assert balanced.lifecycle("app") == ["Terminating", "InService"]
    balanced.wait(DELAY)
    balanced.stop_bodies()
    balanced.start_bodies()
    assert ill not in health(balanced)
    assert len(health(balanced)) == 2


def test_connections_drain_before_the_instance_goes(balanced: Any) -> None:
    balanced.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=1)
    balanced.wait(0)
    (leaving,) = (i for i in balanced.instances() if i.lifecycle_state == "Terminating")
    assert health(balanced)[leaving.id] == "draining"
    answer = balanced.groups.describe_scaling_activities(AutoScalingGroupName="app")
    assert answer["Activities"][0]["StatusCode"] == "WaitingForELBConnectionDraining"
    balanced.wait(DELAY - 1)
    assert balanced.instance(leaving.id).state == "running"
    balanced.wait(1)
    assert balanced.instance(leaving.id).state == "shutting-down"


def test_drained_target_is_not_waited_for(balanced: Any) -> None:
    balanced.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=1)
    balanced.wait(0)
    (leaving,) = (i for i in balanced.instances() if i.lifecycle_state == "Terminating")
    balanced.emulator.target_drained(balanced.target_group, leaving.id)
    balanced.wait(0)
    assert balanced.instance(leaving.id).state == "shutting-down"


def test_replacement_is_registered_and_the_dead_is_not(balanced: Any) -> None:
    dead = balanced.instances()[0].id
    balanced.emulator.instance_died(dead)
    balanced.wait(0)
    balanced.stop_bodies()
    balanced.start_bodies()
    registered = {t.instance_id for t in balanced.emulator.view().target_groups[0].targets}
    assert registered == {instance.id for instance in balanced.instances()}
    assert dead not in registered


def test_detached_and_standby_instances_get_no_traffic(balanced: Any) -> None:
    first, second = (instance.id for instance in balanced.instances())
    balanced.groups.detach_instances(
        AutoScalingGroupName="app", InstanceIds=[first], ShouldDecrementDesiredCapacity=True
    )
    balanced.groups.enter_standby(
        AutoScalingGroupName="app", InstanceIds=[second], ShouldDecrementDesiredCapacity=True
    )
    balanced.wait(0)
    assert balanced.emulator.view().target_groups[0].targets == ()


def log_to(cloud: Any, bucket: str, prefix: str = "alb") -> None:
    attributes = {"enabled": "true", "bucket": bucket, "prefix": prefix}
    cloud.elb.modify_load_balancer_attributes(
        LoadBalancerArn=cloud.balancer["LoadBalancerArn"],
        Attributes=[{"Key": f"access_logs.s3.{k}", "Value": v} for k, v in attributes.items()],
    )


def test_access_log_needs_a_bucket_whose_policy_allows_it(balanced: Any) -> None:
    account = balanced.client("sts").get_caller_identity()["Account"]
    s3 = balanced.client("s3")
    s3.create_bucket(
        Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    for bucket in ("absent", "logs"):
        with pytest.raises(ClientError, match=f"Access Denied for bucket: {bucket}"):
            log_to(balanced, bucket)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::logs/alb/AWSLogs/{account}/*",
    }
    s3.put_bucket_policy(Bucket="logs", Policy=json.dumps({"Statement": [statement]}))
    with pytest.raises(ClientError, match="Access Denied for bucket: logs"):
        log_to(balanced, "logs", "elsewhere")
    assert balanced.emulator.view().load_balancers[0].log_bucket == ""
    log_to(balanced, "logs")
    view = balanced.emulator.view().load_balancers[0]
    assert (view.log_bucket, view.log_prefix) == ("logs", "alb")
    found = s3.list_objects_v2(Bucket="logs")["Contents"]
    assert [one["Key"] for one in found] == [f"alb/AWSLogs/{account}/ELBAccessLogTestFile"]
