"""What the emulated API says, as plain data: the only thing the controllers know of it.

The emulator (``emulator/``) makes these views from moto's backends and takes the reports back.
The machine (``machine/``) makes containers, loop devices and load balancers. Controllers compare
a view with what runs and return actions. Nothing outside ``emulator/`` imports moto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from .edge import DistributionView
from .zones import HostedZoneView

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

InstanceState = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
TargetHealth = Literal["initial", "healthy", "unhealthy", "unused", "draining"]


@dataclass(frozen=True)
class Attachment:
    """A volume on an instance; ``device`` is the name given to AttachVolume (``/dev/sdf``)."""

    volume_id: str
    device: str


@dataclass(frozen=True)
class InstanceView:
    """One EC2 instance that is not terminated; ``user_data`` is decoded.

    ``prefix_length`` and ``gateway`` are those of its VPC. ``group`` and ``lifecycle_state``
    (``Pending:Wait``, ``InService`` …) are empty outside an Auto Scaling group.
    """

    id: str
    state: InstanceState
    name: str
    image_id: str
    instance_type: str
    private_ip: str
    mac: str
    vpc_id: str
    prefix_length: int
    gateway: str
    availability_zone: str
    public_key: str | None
    user_data: bytes
    attachments: tuple[Attachment, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    group: str = ""
    lifecycle_state: str = ""


@dataclass(frozen=True)
class VolumeView:
    """A data volume (root volumes have no body). ``snapshot_id`` names what it starts from."""

    id: str
    size_gib: int
    state: str
    snapshot_id: str | None = None


@dataclass(frozen=True)
class SnapshotView:
    """A snapshot somebody asked for with CreateSnapshot (not the one that belongs to an AMI)."""

    id: str
    volume_id: str
    state: str = "pending"


@dataclass(frozen=True)
class ImageView:
    """An AMI. ``source_instance`` is the instance CreateImage was called on, None for a seed.

    Holds all that is needed to register the same image again in a later session
    (``emulator.server.start(images=…)``); ``created`` is an ISO 8601 time in UTC.
    """

    id: str
    name: str
    state: str
    source_instance: str | None = None
    source_image: str | None = None
    owner: str = ""
    description: str = ""
    architecture: str = "x86_64"
    root_device: str = "/dev/xvda"
    created: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    snapshot_id: str = ""
    snapshot_tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VpcView:
    """A VPC; ``gateway`` is the first address of its range + 1, which AWS keeps for the router."""

    id: str
    cidr: str
    gateway: str
    is_default: bool = False


@dataclass(frozen=True)
class Target:
    """A registered target: the instance's address and the port traffic goes to."""

    instance_id: str
    address: str
    port: int


@dataclass(frozen=True)
class TargetGroupView:
    """A target group with its health check; times are in seconds."""

    arn: str
    name: str
    protocol: str
    targets: tuple[Target, ...]
    draining: tuple[Target, ...]
    check_path: str
    check_port: int | None
    check_matcher: str
    check_interval: float
    check_timeout: float
    healthy_threshold: int
    unhealthy_threshold: int
    deregistration_delay: float
    stickiness: Literal["", "lb_cookie", "app_cookie"] = ""
    stickiness_seconds: int = 0
    algorithm: str = "round_robin"


@dataclass(frozen=True)
class FixedResponse:
    """What a load balancer answers by itself."""

    status: int
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True)
class Redirect:
    """Where a load balancer leads clients: the same host and path, with this protocol and port."""

    protocol: str
    port: int
    status: int


@dataclass(frozen=True)
class RuleView:
    """A rule of a listener: what it is for, and the one thing it does.

    ``headers`` are names with the patterns of their values. A request has to match a pattern of
    ``paths``, if there are any, and one of each header; the default rule has neither, and its
    ``priority`` is 0.
    """

    forward: str = ""
    paths: tuple[str, ...] = ()
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    answer: FixedResponse | Redirect | None = None
    priority: int = 0


@dataclass(frozen=True)
class ListenerView:
    """A listener and its rules, in the order they are asked; the last one is the default.

    ``certificates`` are ARNs, the default one first.
    """

    port: int
    protocol: str
    rules: tuple[RuleView, ...]
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadBalancerView:
    """An application load balancer; ``addresses`` are its nodes', one a subnet.

    ``log_bucket`` is empty while access logs are off.
    """

    arn: str
    name: str
    dns_name: str
    addresses: tuple[str, ...]
    vpc_id: str
    listeners: tuple[ListenerView, ...]
    idle_timeout: float
    log_bucket: str = ""
    log_prefix: str = ""


@dataclass(frozen=True)
class AlarmView:
    """A CloudWatch alarm that is in alarm, and why."""

    name: str
    reason: str


def arn_suffix(arn: str) -> str:
    """What a dimension calls a load balancer (``app/name/id``) or target group."""
    return arn.split(":", 5)[5].removeprefix("loadbalancer/")


@dataclass(frozen=True)
class MetricFigure:
    """A figure of a metric that a service of AWS publishes, of this moment.

    ``unit`` is one of CloudWatch's; ``dimensions`` are name to value.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    value: float
    unit: str = "Count"


@dataclass(frozen=True)
class SecurityRuleView:
    """A rule of a security group.

    ``protocol`` is ``tcp``, ``udp``, ``icmp`` or ``-1`` for every one, ``ports`` the first and the
    last, None for all; ``peer`` is an IPv4 range, or the id of a security group or prefix list.
    """

    protocol: str
    ports: tuple[int, int] | None
    peer: str


@dataclass(frozen=True)
class SecurityGroupView:
    """A security group and what it lets in and out."""

    id: str
    ingress: tuple[SecurityRuleView, ...]
    egress: tuple[SecurityRuleView, ...]


@dataclass(frozen=True)
class InterfaceView:
    """A network interface, whoever has it, and the ids of its security groups."""

    address: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class PrefixListView:
    """A managed prefix list."""

    id: str
    ranges: tuple[str, ...]


@dataclass(frozen=True)
class CertificateView:
    """An issued certificate of Certificate Manager, in whatever region; texts are PEM."""

    arn: str
    names: tuple[str, ...]
    certificate: str
    chain: str
    private_key: str = field(repr=False)


@dataclass(frozen=True)
class CloudView:
    """Everything that needs a body, at one moment."""

    vpcs: tuple[VpcView, ...]
    instances: tuple[InstanceView, ...]
    volumes: tuple[VolumeView, ...]
    images: tuple[ImageView, ...]
    target_groups: tuple[TargetGroupView, ...]
    load_balancers: tuple[LoadBalancerView, ...]
    snapshots: tuple[SnapshotView, ...] = ()
    alarms: tuple[AlarmView, ...] = ()
    distributions: tuple[DistributionView, ...] = ()
    security_groups: tuple[SecurityGroupView, ...] = ()
    interfaces: tuple[InterfaceView, ...] = ()
    prefix_lists: tuple[PrefixListView, ...] = ()
    certificates: tuple[CertificateView, ...] = ()
    hosted_zones: tuple[HostedZoneView, ...] = ()


class Emulator(Protocol):
    """What the rest of the rehearsal asks of the emulated API (``emulator.server.start``)."""

    endpoint: str

    def view(self) -> CloudView:
        """The state now; cheap enough to be called several times a second."""

    def instance_started(self, instance_id: str) -> None:
        """The host answers: ``pending`` becomes ``running``, status checks pass."""

    def instance_died(self, instance_id: str) -> None:
        """The host is gone though nobody asked: status checks fail, the group replaces it.

        A ``running`` instance stays so, impaired, until somebody terminates it; one that was
        still ``pending`` goes on to ``shutting-down``, as when EC2 fails to launch it.
        """

    def instance_stopped(self, instance_id: str) -> None:
        """The body of a ``stopping`` or ``shutting-down`` instance is gone.

        ``stopping`` becomes ``stopped``; ``shutting-down`` becomes ``terminated``, which frees
        its volumes and network interfaces, so that a replacement can have them.
        """

    def image_ready(self, image_id: str) -> None:
        """CreateImage's body is done: ``pending`` becomes ``available``."""

    def snapshot_ready(self, snapshot_id: str) -> None:
        """CreateSnapshot's body is done: ``pending`` becomes ``completed``."""

    def target_health(self, target_group: str, instance_id: str, health: TargetHealth) -> None:
        """What the load balancer's health check found."""

    def target_drained(self, target_group: str, instance_id: str) -> None:
        """A draining target has no connection left: its deregistration need not wait longer."""

    def metadata(self, source_address: str, path: str) -> str | None:
        """IMDS content of the instance with that address below ``/latest/``; None is a 404."""

    def bucket_origin(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """S3 as a WSGI application for the distribution whose ARN is in ``X-Distribution``.

        What it may read is what the bucket's policy allows CloudFront for that distribution;
        without that header, what it allows anybody.
        """

    def publish(self, figures: Iterable[MetricFigure]) -> None:
        """What a body measures of itself, as the service that it belongs to tells CloudWatch."""

    def store(self, bucket: str, key: str, content: bytes) -> None:
        """Put what a service of AWS delivers into a bucket, if the bucket exists."""

    def step(self) -> None:
        """One turn of what AWS does by itself: Auto Scaling, lifecycle time-outs, alarms."""

    def stop(self) -> None:
        """End the server."""
