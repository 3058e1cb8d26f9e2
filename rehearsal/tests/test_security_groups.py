"""What security groups let through, and when that is put into force."""

from __future__ import annotations

from typing import Any

from chatlift_rehearsal.controllers.security_groups import (
    Firewall,
    Rule,
    SetFirewall,
    SetNodeFirewalls,
    plan_security_groups,
    resolve,
)
from chatlift_rehearsal.machine.firewall import instance_rules, node_rules, rule_text
from chatlift_rehearsal.model import (
    CloudView,
    InterfaceView,
    PrefixListView,
    SecurityGroupView,
    SecurityRuleView,
)

from .views import balancer, cloud, instance

ALL = SecurityRuleView("-1", None, "0.0.0.0/0")
WEB = SecurityRuleView("tcp", (443, 443), "pl-edge")
APP = SecurityRuleView("tcp", (8080, 8080), "sg-alb")
PEERS = SecurityRuleView("tcp", (6379, 6379), "sg-redis")
GROUPS = (
    SecurityGroupView("sg-alb", (WEB,), (ALL,)),
    SecurityGroupView("sg-app", (APP,), (ALL,)),
    SecurityGroupView("sg-redis", (PEERS,), ()),
)
INTERFACES = (
    InterfaceView("10.42.0.9", ("sg-alb",)),
    InterfaceView("10.42.1.9", ("sg-alb",)),
    InterfaceView("10.42.0.4", ("sg-app",)),
    InterfaceView("10.42.0.5", ("sg-redis",)),
    InterfaceView("10.42.0.6", ("sg-redis",)),
)
NODES = ("10.42.0.9/32", "10.42.1.9/32")
ANYBODY = (Rule("-1", None, ("0.0.0.0/0",)),)
APP_FIREWALL = Firewall((Rule("tcp", (8080, 8080), ("10.42.0.9", "10.42.1.9")),), ANYBODY)
NODE_FIREWALL = Firewall((Rule("tcp", (443, 443), ("198.18.0.128/25",)),), ANYBODY)


def view(**changes: Any) -> CloudView:
    parts = {
        "instances": (instance("i-app"), instance("i-redis", private_ip="10.42.0.5")),
        "load_balancers": (balancer(),),
        "security_groups": GROUPS,
        "interfaces": INTERFACES,
        "prefix_lists": (PrefixListView("pl-edge", ("198.18.0.128/25",)),),
    }
    return cloud(**{**parts, **changes})


def test_a_group_means_the_addresses_in_it_its_own_included() -> None:
    firewalls = resolve(view())
    assert firewalls["10.42.0.4"] == APP_FIREWALL
    assert firewalls["10.42.0.5"].incoming == (
        Rule("tcp", (6379, 6379), ("10.42.0.5", "10.42.0.6")),
    )
    assert firewalls["10.42.0.5"].outgoing == ()


def test_a_prefix_list_means_its_ranges() -> None:
    assert resolve(view())["10.42.0.9"] == NODE_FIREWALL


def test_an_interface_in_two_groups_has_the_rules_of_both() -> None:
    both = InterfaceView("10.42.0.7", ("sg-app", "sg-redis"))
    firewall = resolve(view(interfaces=(*INTERFACES, both)))["10.42.0.7"]
    assert [rule.ports for rule in firewall.incoming] == [(6379, 6379), (8080, 8080)]


def test_a_group_that_nobody_is_in_lets_nobody_through() -> None:
    alone = tuple(one for one in INTERFACES if "sg-alb" not in one.groups)
    assert resolve(view(interfaces=alone))["10.42.0.4"].incoming == ()


def test_only_what_differs_from_what_is_in_force_is_set() -> None:
    wanted = resolve(view())
    nodes = {"10.42.0.9": NODE_FIREWALL, "10.42.1.9": NODE_FIREWALL}
    force = {"i-app": APP_FIREWALL, "i-redis": wanted["10.42.0.5"]}
    assert plan_security_groups(view(), force, nodes) == []
    assert plan_security_groups(view(), {**force, "i-app": Firewall()}, nodes) == [
        SetFirewall("i-app", APP_FIREWALL)
    ]
    assert plan_security_groups(view(), force, {}) == [SetNodeFirewalls(nodes)]


def test_an_instance_without_a_network_is_left_alone() -> None:
    nodes = {"10.42.0.9": NODE_FIREWALL, "10.42.1.9": NODE_FIREWALL}
    assert plan_security_groups(view(), {}, nodes) == []


def test_a_new_member_of_a_group_changes_those_that_name_it() -> None:
    nodes = {"10.42.0.9": NODE_FIREWALL, "10.42.1.9": NODE_FIREWALL}
    force = {"i-app": APP_FIREWALL, "i-redis": resolve(view())["10.42.0.5"]}
    more = view(interfaces=(*INTERFACES, InterfaceView("10.42.0.8", ("sg-redis",))))
    (action,) = plan_security_groups(more, force, nodes)
    assert isinstance(action, SetFirewall)
    assert action.instance_id == "i-redis"
    assert action.firewall.incoming[0].peers == ("10.42.0.5", "10.42.0.6", "10.42.0.8")


def test_rules_as_nftables_reads_them() -> None:
    texts = {
        Rule("tcp", (8080, 8080), ("10.42.0.9",)): "ip saddr { 10.42.0.9 } tcp dport 8080 accept",
        Rule("udp", (1, 9), ("10.0.0.0/8",)): "ip saddr { 10.0.0.0/8 } udp dport 1-9 accept",
        Rule("tcp", None, ("0.0.0.0/0",)): "ip saddr { 0.0.0.0/0 } meta l4proto tcp accept",
        Rule("icmp", (8, 0), ("10.42.0.9",)): "ip saddr { 10.42.0.9 } ip protocol icmp accept",
        Rule("-1", None, ("10.42.0.9",)): "ip saddr { 10.42.0.9 } accept",
        Rule("-1", None, ("0.0.0.0/0",)): "ip saddr { 0.0.0.0/0 } accept",
    }
    for rule, text in texts.items():
        assert rule_text(rule, "saddr") == text


def test_an_instance_lets_through_what_is_listed_and_what_aws_exempts() -> None:
    text = instance_rules(APP_FIREWALL)
    assert text.count("policy drop") == 2
    assert "ip saddr { 10.42.0.9, 10.42.1.9 } tcp dport 8080 accept" in text
    assert "ip daddr 169.254.0.0/16 accept" in text
    assert "ip daddr 198.18.0.1 meta l4proto { tcp, udp } th dport 53 accept" in text


def test_a_node_refuses_all_else_to_its_own_address_only() -> None:
    text = node_rules("chatlift", {"10.42.0.9": NODE_FIREWALL})
    assert "ip daddr 10.42.0.9 ip saddr { 198.18.0.128/25 } tcp dport 443 accept" in text
    assert "ip daddr 10.42.0.9 drop" in text
    assert "ip saddr 10.42.0.9 ip daddr != 10.42.0.9 drop" in text
