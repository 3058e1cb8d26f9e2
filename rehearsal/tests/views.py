"""Views with as little in them as a test needs."""

from __future__ import annotations

from typing import Any

from chatlift_rehearsal.model import (
    CloudView,
    InstanceView,
    ListenerView,
    LoadBalancerView,
    RuleView,
    Target,
    TargetGroupView,
)


def cloud(**parts: Any) -> CloudView:
    """An empty cloud but for ``parts``."""
    names = ("vpcs", "instances", "volumes", "images", "target_groups", "load_balancers")
    return CloudView(**{**dict.fromkeys(names, ()), **parts})


def instance(instance_id: str = "i-1", state: Any = "running", **changes: Any) -> InstanceView:
    """An instance in the stack's VPC."""
    defaults = {
        "name": "",
        "image_id": "ami-1",
        "instance_type": "t3.small",
        "private_ip": "10.42.0.4",
        "mac": "02:00:00:00:00:01",
        "vpc_id": "vpc-1",
        "prefix_length": 16,
        "gateway": "10.42.0.1",
        "availability_zone": "eu-central-1a",
        "public_key": None,
        "user_data": b"",
    }
    return InstanceView(id=instance_id, state=state, **{**defaults, **changes})


def target(instance_id: str, address: str = "10.42.0.4") -> Target:
    """A target on port 8080."""
    return Target(instance_id, address, 8080)


def target_group(*targets: Target, draining: tuple[Target, ...] = (), **changes: Any) -> Any:
    """A target group called ``app``."""
    defaults = {
        "arn": "arn:app",
        "name": "app",
        "protocol": "HTTP",
        "check_path": "/healthz",
        "check_port": None,
        "check_matcher": "200",
        "check_interval": 5.0,
        "check_timeout": 2.0,
        "healthy_threshold": 2,
        "unhealthy_threshold": 2,
        "deregistration_delay": 30.0,
    }
    return TargetGroupView(targets=targets, draining=draining, **{**defaults, **changes})


def balancer(**changes: Any) -> LoadBalancerView:
    """A load balancer whose port 80 forwards everything to ``app``."""
    defaults = {
        "arn": "arn:lb",
        "name": "chat",
        "dns_name": "chat.elb",
        "addresses": ("10.42.0.9", "10.42.1.9"),
        "vpc_id": "vpc-1",
        "listeners": (ListenerView(80, "HTTP", (RuleView("arn:app"),)),),
        "idle_timeout": 60.0,
    }
    return LoadBalancerView(**{**defaults, **changes})
