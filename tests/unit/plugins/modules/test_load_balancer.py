"""The module of the load balancer against an emulated account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from moto import settings

from ...conftest import STACK, ZONES, ModuleFailed

NAME = f"chatlift-{STACK}"
HEADER = "a-long-random-value"


@pytest.fixture(autouse=True)
def network(aws: Any, run_module: Any) -> dict[str, Any]:
    """What the stage before makes."""
    made = run_module("vpc", stack=STACK, cidr="10.42.0.0/16", availability_zones=ZONES, nat="one")
    group = {"name": "alb", "description": "Load balancer", "rules": []}
    run_module("security_groups", stack=STACK, groups=[group])
    return dict(made)


@pytest.fixture
def acm_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let ACM issue what was requested so many seconds ago."""

    def change(seconds: int) -> None:
        monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", seconds)

    change(-1)
    return change


@pytest.fixture
def certificate(aws: Any, acm_seconds: Callable[[int], None]) -> str:
    made = aws("acm").request_certificate(DomainName="chat.example.com", ValidationMethod="DNS")
    return str(made["CertificateArn"])


@pytest.fixture
def header(aws: Any) -> Any:
    """Let the secret of the edge have this value."""
    secrets, name = aws("secretsmanager"), f"chatlift/{STACK}/edge"
    secrets.create_secret(Name=name, SecretString=json.dumps({"origin_header": HEADER}))

    def change(value: str) -> None:
        text = json.dumps({"origin_header": value})
        secrets.put_secret_value(SecretId=name, SecretString=text)

    return change


def _balancer(aws: Any) -> dict[str, Any]:
    (balancer,) = aws("elbv2").describe_load_balancers(Names=[NAME])["LoadBalancers"]
    return dict(balancer)


def _attributes(aws: Any) -> dict[str, str]:
    arn = _balancer(aws)["LoadBalancerArn"]
    found = aws("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    return {one["Key"]: one["Value"] for one in found}


def _group_attributes(aws: Any, arn: str) -> dict[str, str]:
    found = aws("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    return {one["Key"]: one["Value"] for one in found}


def _listeners(aws: Any) -> dict[int, dict[str, Any]]:
    arn = _balancer(aws)["LoadBalancerArn"]
    found = aws("elbv2").describe_listeners(LoadBalancerArn=arn)["Listeners"]
    return {one["Port"]: one for one in found}


def _rules(aws: Any, port: int) -> list[dict[str, Any]]:
    """The rules of a listener in the order of their priority, the default one last."""
    arn = _listeners(aws)[port]["ListenerArn"]
    rules: list[dict[str, Any]] = aws("elbv2").describe_rules(ListenerArn=arn)["Rules"]
    return sorted(rules, key=lambda rule: bool(rule["IsDefault"]))


def test_it_is_made_once(aws: Any, run_module: Any) -> None:
    made = run_module("load_balancer", stack=STACK)
    assert made["changed"]
    balancer = _balancer(aws)
    assert made["load_balancer_arn"] == balancer["LoadBalancerArn"]
    assert (made["dns_name"], made["hosted_zone_id"]) == (
        balancer["DNSName"],
        balancer["CanonicalHostedZoneId"],
    )
    again = run_module("load_balancer", stack=STACK)
    assert not again["changed"], again["diff"]
    assert again["target_group_arn"] == made["target_group_arn"]


@pytest.mark.parametrize(("scheme", "tier"), [("internet-facing", "edge"), ("internal", "app")])
def test_an_internal_one_stands_in_private_subnets(
    aws: Any, run_module: Any, network: dict[str, Any], scheme: str, tier: str
) -> None:
    run_module("load_balancer", stack=STACK, scheme=scheme)
    stands = {zone["SubnetId"] for zone in _balancer(aws)["AvailabilityZones"]}
    assert stands == {network["subnets"][f"{tier}-{az}"] for az in "abc"}


def test_the_target_group_asks_the_agent(aws: Any, run_module: Any) -> None:
    arn = run_module("load_balancer", stack=STACK, stickiness=3600)["target_group_arn"]
    (group,) = aws("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert (group["Port"], group["HealthCheckPort"], group["HealthCheckPath"]) == (
        8080,
        "8008",
        "/healthz",
    )
    attributes = _group_attributes(aws, arn)
    assert attributes["load_balancing.algorithm.type"] == "least_outstanding_requests"
    assert attributes["deregistration_delay.timeout_seconds"] == "60"
    assert attributes["stickiness.lb_cookie.duration_seconds"] == "3600"


@pytest.mark.usefixtures("header")
def test_everything_is_tagged_and_lost_tags_come_back(aws: Any, run_module: Any) -> None:
    run_module("load_balancer", stack=STACK, origin_header=True)
    rule = _rules(aws, 80)[0]["RuleArn"]
    listener = _listeners(aws)[80]["ListenerArn"]
    aws("elbv2").remove_tags(ResourceArns=[rule, listener], TagKeys=["chatlift:tier"])
    mended = run_module("load_balancer", stack=STACK, origin_header=True)
    assert list(mended["diff"]["after"].values()) == [{"chatlift:tier": "app"}] * 2
    for one in aws("elbv2").describe_tags(ResourceArns=[rule, listener])["TagDescriptions"]:
        assert {tag["Key"]: tag["Value"] for tag in one["Tags"]} == {
            "Name": f"{NAME}-80",
            "chatlift:stack": STACK,
            "chatlift:tier": "app",
        }


def test_with_a_certificate_port_80_only_leads_to_443(
    aws: Any, run_module: Any, certificate: str
) -> None:
    run_module("load_balancer", stack=STACK)
    changed = run_module("load_balancer", stack=STACK, certificate_arn=certificate)
    assert sorted(changed["diff"]["after"]) == [f"listener {NAME}-443", f"listener {NAME}-80"]
    listeners = _listeners(aws)
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"]["StatusCode"] == "HTTP_301"
    assert listeners[443]["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert listeners[443]["Certificates"] == [{"CertificateArn": certificate}]
    again = run_module("load_balancer", stack=STACK, certificate_arn=certificate)
    assert not again["changed"], again["diff"]

    run_module("load_balancer", stack=STACK)
    assert list(_listeners(aws)) == [80]


def test_it_is_begun_before_its_certificate_is_issued(
    aws: Any, run_module: Any, certificate: str, acm_seconds: Callable[[int], None]
) -> None:
    acm_seconds(1000)
    options = {"stack": STACK, "certificate_arn": certificate}
    begun = run_module("load_balancer", wait=False, **options)
    assert (begun["listening"], _listeners(aws)) == (False, {})
    with pytest.raises(ModuleFailed, match=r"Waited 0 s for the certificate .* to be issued"):
        run_module("load_balancer", wait_timeout=0, **options)
    acm_seconds(-1)
    ended = run_module("load_balancer", **options)
    assert (ended["listening"], sorted(_listeners(aws))) == (True, [80, 443])
    assert begun["target_group_arn"] == ended["target_group_arn"]
    acm_seconds(1000)
    assert run_module("load_balancer", wait=False, **options)["listening"]


@pytest.mark.usefixtures("header")
def test_it_is_begun_before_its_secret_is_there(aws: Any, run_module: Any) -> None:
    aws("secretsmanager").delete_secret(
        SecretId=f"chatlift/{STACK}/edge", ForceDeleteWithoutRecovery=True
    )
    begun = run_module("load_balancer", stack=STACK, origin_header=True, wait=False)
    assert (begun["listening"], _listeners(aws)) == (False, {})


def test_with_an_origin_header_all_others_are_refused(
    aws: Any, run_module: Any, header: Any
) -> None:
    made = run_module("load_balancer", stack=STACK, origin_header=True)
    rule, default = _rules(aws, 80)
    assert rule["Conditions"][0]["HttpHeaderConfig"] == {
        "HttpHeaderName": "X-Chatlift-Origin",
        "Values": [HEADER],
    }
    assert rule["Actions"][0]["TargetGroupArn"] == made["target_group_arn"]
    assert default["Actions"][0]["FixedResponseConfig"]["StatusCode"] == "403"
    assert HEADER not in json.dumps(made)
    again = run_module("load_balancer", stack=STACK, origin_header=True)
    assert not again["changed"], again["diff"]

    header("another-value")
    run_module("load_balancer", stack=STACK, origin_header=True)
    assert _rules(aws, 80)[0]["Conditions"][0]["HttpHeaderConfig"]["Values"] == ["another-value"]
    run_module("load_balancer", stack=STACK)
    (only,) = _rules(aws, 80)
    assert only["Actions"][0]["Type"] == "forward"


def test_without_its_secret_an_origin_header_is_refused(run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"no secret chatlift/demo/edge .*secrets\.yml first"):
        run_module("load_balancer", stack=STACK, origin_header=True)


def test_a_listener_of_somebody_else_is_removed(aws: Any, run_module: Any) -> None:
    made = run_module("load_balancer", stack=STACK)
    aws("elbv2").create_listener(
        LoadBalancerArn=made["load_balancer_arn"],
        Port=8443,
        Protocol="HTTP",
        DefaultActions=[{"Type": "forward", "TargetGroupArn": made["target_group_arn"]}],
    )
    mended = run_module("load_balancer", stack=STACK)
    assert mended["diff"]["after"] == {f"listener {NAME}-8443": None}
    assert list(_listeners(aws)) == [80]


def test_drifted_attributes_are_named_and_mended(aws: Any, run_module: Any) -> None:
    run_module("load_balancer", stack=STACK)
    mended = run_module("load_balancer", stack=STACK, idle_timeout=300, deregistration_delay=90)
    assert mended["diff"]["after"] == {
        f"attributes of load balancer {NAME}": {"idle_timeout.timeout_seconds": "300"},
        f"attributes of target group {NAME}-app": {"deregistration_delay.timeout_seconds": "90"},
    }
    assert _attributes(aws)["idle_timeout.timeout_seconds"] == "300"


def test_a_changed_health_check_is_mended(aws: Any, run_module: Any) -> None:
    arn = run_module("load_balancer", stack=STACK)["target_group_arn"]
    aws("elbv2").modify_target_group(TargetGroupArn=arn, HealthCheckPath="/")
    assert run_module("load_balancer", stack=STACK)["changed"]
    (group,) = aws("elbv2").describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
    assert group["HealthCheckPath"] == "/healthz"


def test_a_protected_one_is_not_deleted(aws: Any, run_module: Any) -> None:
    run_module("load_balancer", stack=STACK, deletion_protection=True)
    with pytest.raises(ModuleFailed, match=r"Set app_tier_deletion_protection to false, run"):
        run_module("load_balancer", stack=STACK, state="absent")
    run_module("load_balancer", stack=STACK)
    assert run_module("load_balancer", stack=STACK, state="absent")["changed"]
    assert not aws("elbv2").describe_load_balancers()["LoadBalancers"]
    assert not aws("elbv2").describe_target_groups()["TargetGroups"]
    assert not run_module("load_balancer", stack=STACK, state="absent")["changed"]


def test_the_scheme_is_chosen_once(run_module: Any) -> None:
    run_module("load_balancer", stack=STACK)
    with pytest.raises(ModuleFailed, match="is internet-facing and cannot become internal"):
        run_module("load_balancer", stack=STACK, scheme="internal")


def test_check_mode_makes_nothing(aws: Any, run_module: Any, certificate: str) -> None:
    planned = run_module("load_balancer", check=True, stack=STACK, certificate_arn=certificate)
    assert sorted(planned["diff"]["after"]) == [
        f"attributes of load balancer {NAME}",
        f"attributes of target group {NAME}-app",
        f"listener {NAME}-443",
        f"listener {NAME}-80",
        f"load balancer {NAME}",
        f"target group {NAME}-app",
    ]
    assert not aws("elbv2").describe_target_groups()["TargetGroups"]
    run_module("load_balancer", stack=STACK, certificate_arn=certificate)
    again = run_module("load_balancer", check=True, stack=STACK, certificate_arn=certificate)
    assert not again["changed"], again["diff"]
    assert run_module("load_balancer", check=True, stack=STACK, state="absent")["changed"]
    assert _balancer(aws)


def test_without_a_network_it_says_what_comes_first(run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"Run playbooks/network\.yml first"):
        run_module("load_balancer", stack="other")
    assert run_module("load_balancer", check=True, stack="other")["changed"]
