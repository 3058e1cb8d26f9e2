"""What the controllers need to know of moto's backends, as plain data."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable
from typing import Any

from ..model import (
    AlarmView,
    Attachment,
    CertificateView,
    CloudView,
    FixedResponse,
    InstanceView,
    ListenerView,
    LoadBalancerView,
    Redirect,
    RuleView,
    SnapshotView,
    Target,
    TargetGroupView,
    VolumeView,
    VpcView,
)
from .cloudfront_view import distribution_views
from .ec2_instances import Instance
from .elbv2 import TargetGroup, forwarded_to, node_interfaces
from .images import image_view
from .mends import Backends
from .route53 import hosted_zone_views
from .security_groups import interface_views, prefix_list_views, security_group_views

_JUDGED = {"path-pattern", "http-header"}
"""Conditions of a load balancer's rules that the rehearsal knows."""


def live_instances(ec2: Any) -> list[Instance]:
    """Every instance that is not terminated, in the order of launch."""
    return [
        instance
        for reservation in ec2.reservations.values()
        for instance in reservation.instances
        if instance.state != "terminated"
    ]


def cloud_view(backends: Backends) -> CloudView:
    """One consistent picture; the caller holds the lock."""
    ec2, elbv2 = backends.ec2, backends.elbv2
    members = {
        member.instance.id: (group.name, member.lifecycle_state)
        for group in backends.autoscaling.groups()
        for member in group.everybody
    }
    instances = live_instances(ec2)
    roots = {
        device.volume_id
        for instance in instances
        if (device := instance.block_device_mapping.get(instance.root_device_name))
    }
    return CloudView(
        vpcs=tuple(_vpc(vpc) for vpc in ec2.vpcs.values()),
        instances=tuple(_instance(i, *members.get(i.id, ("", ""))) for i in instances),
        volumes=tuple(
            VolumeView(volume.id, int(volume.size), volume.status, volume.snapshot_id or None)
            for volume in ec2.volumes.values()
            if volume.id not in roots
        ),
        snapshots=tuple(
            SnapshotView(snapshot.id, snapshot.volume_id, snapshot.status)
            for snapshot in ec2.snapshots.values()
            if not snapshot.from_ami
        ),
        images=tuple(image_view(ami, ec2.account_id) for ami in ec2.amis.values()),
        target_groups=tuple(_target_group(ec2, group) for group in elbv2.target_groups.values()),
        load_balancers=tuple(_load_balancer(lb) for lb in elbv2.load_balancers.values()),
        alarms=tuple(
            AlarmView(alarm.name, alarm.state_reason)
            for alarm in backends.cloudwatch.alarms.values()
            # Those of scaling policies are no news: one is raised while a group has time to spare.
            if alarm.state_value == "ALARM" and not alarm.name.startswith("TargetTracking-")
        ),
        distributions=distribution_views(backends.cloudfront),
        certificates=tuple(
            _certificate(bundle)
            for acm in backends.acm
            for bundle in acm._certificates.values()
            if bundle.status == "ISSUED"
        ),
        security_groups=security_group_views(ec2),
        interfaces=interface_views(ec2),
        prefix_lists=prefix_list_views(ec2),
        hosted_zones=hosted_zone_views(backends.route53),
    )


def _vpc(vpc: Any) -> VpcView:
    return VpcView(vpc.id, vpc.cidr_block, _gateway(vpc), vpc.is_default)


def _gateway(vpc: Any) -> str:
    return str(ipaddress.IPv4Network(vpc.cidr_block)[1])


def _instance(instance: Instance, group: str, lifecycle_state: str) -> InstanceView:
    ec2 = instance.ec2_backend
    vpc = ec2.get_vpc(instance.vpc_id)
    interface = instance.nics[0]
    key = ec2.key_pairs.get(instance.key_name)
    tags = dict(ec2.tags.get(instance.id, {}))
    return InstanceView(
        id=instance.id,
        state=instance.state,  # type: ignore[arg-type]
        name=tags.get("Name", ""),
        image_id=instance.image_id,
        instance_type=instance.instance_type,
        private_ip=str(instance.private_ip),
        mac=interface.mac_address,
        vpc_id=vpc.id,
        prefix_length=ipaddress.IPv4Network(vpc.cidr_block).prefixlen,
        gateway=_gateway(vpc),
        availability_zone=str(instance.placement.zone),
        public_key=key.public_key.strip() if key else None,
        user_data=base64.b64decode(str(instance.user_data or "")),
        attachments=tuple(
            Attachment(device.volume_id, name)
            for name, device in instance.get_block_device_mapping
            if name != instance.root_device_name
        ),
        tags=tags,
        group=group,
        lifecycle_state=lifecycle_state,
    )


def _target_group(ec2: Any, group: TargetGroup) -> TargetGroupView:
    attributes = group.attributes
    port = str(group.health_check_port)
    enabled = attributes.get("stickiness.enabled") == "true"
    sticky = str(attributes["stickiness.type"]) if enabled else ""
    return TargetGroupView(
        arn=group.arn,
        name=group.name,
        protocol=str(group.protocol),
        targets=_targets(ec2, group.targets.values()),
        draining=_targets(ec2, (group.deregistered_targets[i] for i in group.draining_until)),
        check_path=group.health_check_path or "/",
        check_port=int(port) if port.isdigit() else None,
        check_matcher=getattr(group, "matcher", {}).get("HttpCode", ""),
        check_interval=float(group.health_check_interval_seconds),
        check_timeout=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
        deregistration_delay=float(attributes["deregistration_delay.timeout_seconds"]),
        stickiness=sticky,  # type: ignore[arg-type]
        algorithm=str(attributes["load_balancing.algorithm.type"]),
        stickiness_seconds=int(attributes.get(f"stickiness.{sticky}.duration_seconds", 0)),
    )


def _targets(ec2: Any, targets: Iterable[dict[str, Any]]) -> tuple[Target, ...]:
    """Targets with an address: one whose instance is terminated has none."""
    found = ((target, ec2.get_instance_by_id(target["Id"])) for target in targets)
    return tuple(
        Target(target["Id"], instance.private_ip, int(target["Port"]))
        for target, instance in found
        if instance is not None and instance.private_ip
    )


def _load_balancer(balancer: Any) -> LoadBalancerView:
    logged = balancer.attrs["access_logs.s3.enabled"] == "true"
    return LoadBalancerView(
        arn=balancer.arn,
        name=balancer.name,
        dns_name=balancer.dns_name,
        addresses=tuple(eni.private_ip_address for eni in node_interfaces(balancer)),
        vpc_id=balancer.vpc_id,
        listeners=tuple(_listener(listener) for listener in balancer.listeners.values()),
        idle_timeout=float(balancer.attrs["idle_timeout.timeout_seconds"]),
        log_bucket=str(balancer.attrs["access_logs.s3.bucket"]) if logged else "",
        log_prefix=str(balancer.attrs["access_logs.s3.prefix"]) if logged else "",
    )


def _listener(listener: Any) -> ListenerView:
    in_order = sorted(
        listener.rules.values(),
        key=lambda rule: (rule.is_default, 0 if rule.is_default else int(rule.priority)),
    )
    # A rule with a condition that nobody here can judge must not hold for everything.
    rules = tuple(_rule(rule) for rule in in_order if _fields(rule) <= _JUDGED)
    certificates = tuple(listener.certificates)
    return ListenerView(int(listener.port), listener.protocol, rules, certificates)


def _fields(rule: Any) -> set[str]:
    return {str(condition.get("Field")) for condition in rule.conditions}


def _rule(rule: Any) -> RuleView:
    paths: tuple[str, ...] = ()
    headers: list[tuple[str, tuple[str, ...]]] = []
    for condition in rule.conditions:
        match condition.get("Field"):
            case "path-pattern":
                values = condition.get("PathPatternConfig", {}).get("Values")
                paths = tuple(values or condition.get("Values", []))
            case "http-header":
                config = condition["HttpHeaderConfig"]
                headers.append((config["HttpHeaderName"], tuple(config["Values"])))
    forward = next(iter(forwarded_to(rule)), "")
    priority = 0 if rule.is_default else int(rule.priority)
    return RuleView(forward, paths, tuple(headers), None if forward else _answer(rule), priority)


def _answer(rule: Any) -> FixedResponse | Redirect:
    for action in rule.actions:
        if fixed := action.data.get("FixedResponseConfig"):
            kind, body = fixed.get("ContentType", "text/plain"), fixed.get("MessageBody", "")
            return FixedResponse(int(fixed["StatusCode"]), kind, body)
        if redirect := action.data.get("RedirectConfig"):
            status = int(redirect["StatusCode"].removeprefix("HTTP_"))
            return Redirect(redirect["Protocol"].lower(), int(redirect["Port"]), status)
    # AWS answers so when it has nothing to forward to.
    return FixedResponse(503)


def _certificate(bundle: Any) -> CertificateView:
    return CertificateView(
        arn=bundle.arn,
        names=tuple(bundle.sans or [bundle.common_name]),
        certificate=bundle.cert.decode(),
        chain=bundle.chain.decode(),
        private_key=bundle.key.decode(),
    )
