"""Load balancers with addresses of their own and target groups whose health is measured.

moto's attributes lack most of AWS's defaults (which the amazon.aws modules read), every registered
target is ``healthy``, a deregistered one is gone at once, a load balancer has no interface, any
bucket will do for its access log, and a listener takes a certificate that is not issued yet.
"""

from __future__ import annotations

from typing import Any

from moto.acm.models import acm_backends
from moto.elbv2 import models
from moto.elbv2.exceptions import DuplicateLoadBalancerName, ELBClientError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeListener, FakeLoadBalancer
from moto.moto_api._internal import mock_random
from moto.s3.models import s3_backends

from ..model import TargetHealth
from . import state
from .bucket_policy import Principal, Request, evaluate
from .pending import is_active

LOG_DELIVERY = Principal("Service", "logdelivery.elasticloadbalancing.amazonaws.com")

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
_TARGET_GROUP_DEFAULTS = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
_LOAD_BALANCER_DEFAULTS = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
_REASONS: dict[str, tuple[str | None, str | None]] = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "healthy": (None, None),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
}
_NOT_REGISTERED = ("Target.NotRegistered", "Target is not registered to the target group")
_NOT_IN_USE = (
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
_STOPPED = ("Target.InvalidState", "Target is in the stopped state")


class TargetGroup(models.FakeTargetGroup):
    """Targets with the health that was found, and those that are draining."""

    __module__ = "moto.elbv2.models"  # moto derives the service from it
    attributes: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.found: dict[str, TargetHealth] = {}
        self.draining_until: dict[str, float] = {}
        super().__init__(*args, **kwargs)
        if self.protocol in ("HTTP", "HTTPS"):
            self.attributes = dict(_TARGET_GROUP_DEFAULTS)

    @property
    def load_balancer_arns(self) -> list[str]:
        """The load balancers that forward to it now; moto remembers those of the past too."""
        return [balancer.arn for balancer in self._load_balancers()]

    @load_balancer_arns.setter
    def load_balancer_arns(self, _: list[str]) -> None:
        """moto's own list is not kept."""

    def register(self, targets: list[dict[str, Any]]) -> None:
        super().register(targets)
        for target in targets:
            self.draining_until.pop(target["Id"], None)
            self.found.setdefault(target["Id"], "initial")

    def deregister(self, targets: list[dict[str, Any]]) -> None:
        delay = float(self.attributes["deregistration_delay.timeout_seconds"])
        for target in targets:
            registered = self.targets.pop(target["Id"], None)
            if registered is None:
                continue
            del self.found[target["Id"]]
            self.deregistered_targets[target["Id"]] = registered
            if self.load_balancer_arns:
                self.draining_until[target["Id"]] = state.now() + delay
        self.finish_draining()

    def deregister_terminated_instances(self, instance_ids: list[str]) -> None:
        self.deregister([{"Id": instance_id} for instance_id in instance_ids])

    def finish_draining(self) -> None:
        """Forget the targets whose deregistration delay is over."""
        for target_id, until in list(self.draining_until.items()):
            if until <= state.now():
                self.drained(target_id)

    def drained(self, target_id: str) -> None:
        """No connection to the target is left, so that nothing is to be waited for."""
        self.draining_until.pop(target_id, None)

    def health_of(self, target_id: str) -> TargetHealth:
        if target_id in self.draining_until:
            return "draining"
        balancers = self._load_balancers()
        if target_id not in self.targets or not balancers:
            return "unused"
        return self.found[target_id] if any(map(is_active, balancers)) else "initial"

    def _load_balancers(self) -> list[FakeLoadBalancer]:
        backend = models.elbv2_backends[self.account_id][self.region_name]
        return [
            balancer
            for balancer in backend.load_balancers.values()
            if any(self.arn in forwarded_to(rule) for rule in _rules(balancer))
        ]

    def health_for(self, target: dict[str, Any], ec2_backend: Any) -> FakeHealthStatus:
        target_id = target["Id"]
        known = self.targets.get(target_id) or self.deregistered_targets.get(target_id) or target
        health = self.health_of(target_id)
        instance = ec2_backend.get_instance_by_id(target_id)
        reason: tuple[str | None, str | None]
        if health == "unused":
            reason = _NOT_IN_USE if target_id in self.targets else _NOT_REGISTERED
        elif instance and instance.state == "stopped":
            health, reason = "unused", _STOPPED
        else:
            reason = _REASONS[health]
        port = known.get("Port", self.port)
        return FakeHealthStatus(target_id, port, self.health_check_port, health, *reason)


class ElbMends(ELBv2Backend):
    """Load balancers and the interfaces of their nodes."""

    def create_load_balancer(
        self,
        name: str,
        security_groups: list[str],
        subnet_ids: list[str],
        subnet_mappings: list[dict[str, str]] | None = None,
        scheme: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> FakeLoadBalancer:
        if any(balancer.name == name for balancer in self.load_balancers.values()):
            raise DuplicateLoadBalancerName()
        scheme = scheme or "internet-facing"
        balancer = super().create_load_balancer(
            name, security_groups, subnet_ids, subnet_mappings, scheme, *args, **kwargs
        )
        balancer.attrs = dict(_LOAD_BALANCER_DEFAULTS)
        prefix = "internal-" if scheme == "internal" else ""
        number = mock_random.randint(10**8, 10**10)
        balancer.dns_name = f"{prefix}{name}-{number}.{self.region_name}.elb.amazonaws.com"
        if not security_groups:
            default = self.ec2_backend.get_default_security_group(balancer.vpc_id)
            balancer.security_groups = [default.id] if default else []
        self._place_nodes(balancer)
        return balancer

    def set_subnets(self, arn: str, *args: Any, **kwargs: Any) -> Any:
        zones = super().set_subnets(arn, *args, **kwargs)
        self._place_nodes(self.load_balancers[arn])
        return zones

    def set_security_groups(self, arn: str, sec_groups: list[str]) -> None:
        super().set_security_groups(arn, sec_groups)
        for eni in node_interfaces(self.load_balancers[arn]):
            self.ec2_backend.modify_network_interface_attribute(eni.id, sec_groups)

    def modify_load_balancer_attributes(self, arn: str, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("access_logs.s3.enabled") == "true":
            bucket = attrs.get("access_logs.s3.bucket", "")
            self._try_log_bucket(bucket, attrs.get("access_logs.s3.prefix", ""))
        return super().modify_load_balancer_attributes(arn, attrs)

    def _try_log_bucket(self, name: str, prefix: str) -> None:
        """Leave a file where logs are to go, as AWS does, if the bucket's policy allows that."""
        s3 = s3_backends[self.account_id][self.partition]
        place = f"{prefix}/" if prefix else ""
        key = f"{place}AWSLogs/{self.account_id}/ELBAccessLogTestFile"
        put = Request(LOG_DELIVERY, "s3:PutObject", f"arn:aws:s3:::{name}/{key}")
        if name not in s3.buckets or evaluate(s3.buckets[name].policy, put) != "allow":
            raise ELBClientError(
                "InvalidConfigurationRequest",
                f"Access Denied for bucket: {name}. Please check S3bucket permission",
            )
        s3.put_object(name, key, b"")

    def delete_load_balancer(self, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is None:
            return
        if balancer.attrs.get("deletion_protection.enabled") == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        super().delete_load_balancer(arn)
        for eni in node_interfaces(balancer):
            eni.delete()

    def create_listener(
        self,
        load_balancer_arn: str,
        protocol: str,
        port: str,
        ssl_policy: str,
        certificate: str | None,
        *args: Any,
        **kwargs: Any,
    ) -> FakeListener:
        self._check_issued(certificate)
        return super().create_listener(
            load_balancer_arn, protocol, port, ssl_policy, certificate, *args, **kwargs
        )

    def modify_listener(
        self,
        arn: str,
        port: str | None = None,
        protocol: str | None = None,
        ssl_policy: str | None = None,
        certificates: list[dict[str, Any]] | None = None,
        actions: list[dict[str, Any]] | None = None,
    ) -> FakeListener:
        for certificate in certificates or []:
            self._check_issued(certificate["CertificateArn"])
        return super().modify_listener(arn, port, protocol, ssl_policy, certificates, actions)

    def _check_issued(self, certificate_arn: str | None) -> None:
        known = acm_backends[self.account_id][self.region_name]._certificates
        certificate = known.get(certificate_arn or "")
        if certificate and certificate.status == "PENDING_VALIDATION":
            raise ELBClientError(
                "UnsupportedCertificate",
                f"The certificate '{certificate_arn}' must have a fully-qualified domain name, a"
                f" supported signature, and a supported key size.",
            )

    def describe_target_health(
        self, target_group_arn: str, targets: list[dict[str, Any]]
    ) -> list[FakeHealthStatus]:
        group = self.target_groups.get(target_group_arn)
        if isinstance(group, TargetGroup) and not targets:
            targets = [{"Id": target_id} for target_id in (*group.targets, *group.draining_until)]
            if not targets:
                return []
        return super().describe_target_health(target_group_arn, targets)

    def _place_nodes(self, balancer: FakeLoadBalancer) -> None:
        """One interface in each subnet, as AWS has them."""
        nodes = {eni.subnet.id: eni for eni in node_interfaces(balancer)}
        wanted = {subnet.id: subnet for subnet in balancer.subnets}
        for subnet_id in nodes.keys() - wanted.keys():
            nodes.pop(subnet_id).delete()
        for subnet_id, subnet in wanted.items():
            if subnet_id not in nodes:
                nodes[subnet_id] = self._new_node(balancer, subnet)
        balancer.nodes = [nodes[subnet_id] for subnet_id in wanted]  # type: ignore[attr-defined]

    def _new_node(self, balancer: FakeLoadBalancer, subnet: Any) -> Any:
        eni = self.ec2_backend.create_network_interface(
            subnet,
            "",
            group_ids=balancer.security_groups,
            description=f"ELB {balancer.arn.partition('loadbalancer/')[2]}",
        )
        eni.requester_managed = True
        eni.requester_id = "amazon-elb"
        eni.status = "in-use"
        return eni


def node_interfaces(balancer: FakeLoadBalancer) -> list[Any]:
    """The interfaces of a load balancer's nodes, in the order of its subnets."""
    return list(getattr(balancer, "nodes", []))


def forwarded_to(rule: Any) -> list[str]:
    """The ARNs of the target groups that a rule forwards to."""
    arns = []
    for action in rule.actions:
        if action.type != "forward":
            continue
        several = action.data.get("ForwardConfig", {}).get("TargetGroups", [])
        single = action.data.get("TargetGroupArn")
        arns += [single] if single else [group["TargetGroupArn"] for group in several]
    return arns


def _rules(balancer: FakeLoadBalancer) -> list[Any]:
    return [rule for listener in balancer.listeners.values() for rule in listener.rules.values()]
