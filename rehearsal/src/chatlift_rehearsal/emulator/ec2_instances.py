"""Instances that become running, stopped and terminated when their body does.

moto's instances change state at once, are placed without regard to an existing network interface,
and RunInstances ignores most of a launch template, MaxCount and deregistered images.
"""

from __future__ import annotations

import copy
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.exceptions import MissingInputError, MissingParameterError, UnvailableAMIIdError
from moto.ec2.models import EC2Backend, instances
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses import EC2Response
from moto.ec2.utils import filter_iam_instance_profiles

from . import state
from .delays import delays
from .errors import ec2_error
from .launch_templates import with_template

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html
STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
_USER_INITIATED = "Client.UserInitiatedShutdown"
_SERVER_ERROR = "Server.InternalError"


class Instance(instances.Instance):
    """An instance whose transitions end when the machine reports what became of the body."""

    __module__ = "moto.ec2.models.instances"  # moto derives the service from it

    def __init__(
        self,
        ec2_backend: Any,
        image_id: str,
        user_data: Any,
        security_groups: list[Any],
        **kwargs: Any,
    ) -> None:
        self.impaired = False
        self._running_at = state.now() + delays.instance
        super().__init__(ec2_backend, image_id, user_data, security_groups, **kwargs)
        self._enter("pending")
        if not self.security_groups:
            self.security_groups = list(self.nics[0].group_set)

    # What the API asks for.

    def start(self) -> instances.InstanceState:
        previous = copy.copy(self._state)
        if self.state not in ("pending", "running", "stopped"):
            raise self._wrong_state("started")
        if self.state == "stopped":
            self._running_at = state.now() + delays.instance
            self._enter("pending")
        return previous

    def stop(self) -> instances.InstanceState:
        previous = copy.copy(self._state)
        if self.state in ("shutting-down", "terminated"):
            raise self._wrong_state("stopped")
        if self.state in ("pending", "running"):
            self._enter("stopping", _USER_INITIATED)
        return previous

    def terminate(self) -> instances.InstanceState:
        previous = copy.copy(self._state)
        if self.state not in ("shutting-down", "terminated"):
            self._enter("shutting-down", _USER_INITIATED)
        return previous

    def reboot(self) -> None:
        """A reboot keeps host, addresses and state."""

    # What the machine reports.

    def body_started(self) -> None:
        if self.state == "pending" and state.now() >= self._running_at:
            self._enter("running")
            self.impaired = False

    def body_stopped(self) -> None:
        if self.state == "stopping":
            self._enter("stopped", _USER_INITIATED)
        elif self.state == "shutting-down":
            self._release()

    def body_died(self) -> None:
        if self.state == "pending":
            self._enter("shutting-down", _SERVER_ERROR)
        elif self.state == "running":
            self.impaired = True

    def _enter(self, state: str, reason: str = "") -> None:
        self._state = instances.InstanceState(state, STATE_CODES[state])
        self._reason = reason and f"{reason.partition('.')[2]} ({utcnow():%F %T} UTC)"
        self.state_reason = instances.StateReason(reason, reason)

    def _wrong_state(self, verb: str) -> ServiceException:
        return ec2_error(
            "IncorrectInstanceState",
            f"The instance '{self.id}' is not in a state from which it can be {verb}.",
        )

    def _release(self) -> None:
        """Give everything back, as EC2 does when an instance is terminated at last."""
        reason, state_reason = self._reason, self.state_reason
        for eni in list(self.nics.values()):
            self.detach_eni(eni)
            if eni.delete_on_termination:
                eni.delete()
        super().terminate()
        self._reason, self.state_reason = reason, state_reason

    # Network interfaces.

    def prep_nics(
        self,
        nic_spec: list[dict[str, Any]],
        private_ip: str | None = None,
        associate_public_ip: bool | None = None,
        security_groups: list[Any] | None = None,
        ipv6_address_count: int | None = None,
    ) -> None:
        self.nics: dict[int, NetworkInterface] = {}
        for spec in nic_spec or [{"DeviceIndex": 0}]:
            index = int(spec.get("DeviceIndex", 0))
            if spec.get("NetworkInterfaceId"):
                eni = self.ec2_backend.interface_to_attach(spec["NetworkInterfaceId"])
                eni.delete_on_termination = spec.get("DeleteOnTermination", False)
            else:
                eni = self._new_interface(spec, index, private_ip, associate_public_ip)
            self.attach_eni(eni, index)

    def _new_interface(
        self, spec: dict[str, Any], index: int, private_ip: str | None, public: bool | None
    ) -> NetworkInterface:
        groups = [*spec.get("Groups", []), *(group.id for group in self.security_groups)]
        eni: NetworkInterface = self.ec2_backend.create_network_interface(
            spec.get("SubnetId") or self.subnet_id or self._default_subnet_id(),
            spec.get("PrivateIpAddress") or (private_ip if index == 0 else None),
            spec.get("PrivateIpAddresses"),
            device_index=index,
            public_ip_auto_assign=bool(spec.get("AssociatePublicIpAddress", public)),
            group_ids=groups,
            delete_on_termination=spec.get("DeleteOnTermination", True),
            description=spec.get("Description", ""),
        )
        if eni.public_ip:
            # Nothing translates addresses here: a public address that leads to the host is its own.
            eni.public_ip = eni.private_ip_address
        return eni

    def _default_subnet_id(self) -> str:
        subnet = self.ec2_backend.get_default_subnets().get(self.placement.zone)
        if subnet is None:
            raise MissingInputError(
                f"No default subnet for availability zone: '{self.placement.zone}'."
            )
        return str(subnet.id)

    # A terminated instance has no interface, so no address.

    @property
    def private_ip(self) -> str | None:
        return self.nics[0].private_ip_address if self.nics else None

    @property
    def private_ip_address(self) -> str | None:
        return self.private_ip

    @property
    def private_dns_name(self) -> str:
        return super().private_dns_name if self.nics else ""

    @property
    def public_ip(self) -> str | None:
        return self.nics[0].public_ip if self.nics else None

    @property
    def public_ip_address(self) -> str | None:
        return self.public_ip

    # Status checks.

    @property
    def instance_status(self) -> dict[str, Any]:
        return self._status()

    @property
    def system_status(self) -> dict[str, Any]:
        return self._status()

    def _status(self) -> dict[str, Any]:
        if self.state != "running":
            return {"Status": "not-applicable"}
        check = "failed" if self.impaired else "passed"
        return {
            "Status": "impaired" if self.impaired else "ok",
            "Details": [{"Name": "reachability", "Status": check}],
        }


class InstanceMends(EC2Backend):
    """RunInstances as AWS does it: every parameter counts, the template's as the request's."""

    def run_instances(
        self,
        image_id: str,
        count: int,
        user_data: Any,
        security_group_names: list[str],
        **kwargs: Any,
    ) -> instances.Reservation:
        requested_profile = _profile(kwargs)
        if kwargs.get("launch_template"):
            data = self._get_template_from_args(kwargs["launch_template"]).data
            kwargs = with_template(data, kwargs)
            image_id = image_id or data.get("ImageId", "")
        image = self._image_to_launch(image_id)
        kwargs["nics"] = self._place_interfaces(kwargs)
        kwargs["block_device_mappings"] = _block_devices(
            image, kwargs.get("block_device_mappings", [])
        )
        profile = _profile(kwargs)
        self._check_profile(profile)
        reservation = super().run_instances(
            image_id, count, user_data, security_group_names, **kwargs
        )
        # moto's RunInstances handler associates the profile of a request with its first instance.
        for instance in reservation.instances[1 if any(requested_profile) else 0 :]:
            if any(profile):
                self.associate_iam_instance_profile(instance.id, *profile)
        return reservation

    def _image_to_launch(self, image_id: str) -> Ami:
        if not image_id:
            raise MissingParameterError("ImageId")
        image = next(iter(self.describe_images(ami_ids=[image_id])), None)
        if image is None or image.state != "available":
            raise UnvailableAMIIdError(image_id)
        return image

    def _place_interfaces(self, kwargs: dict[str, Any]) -> list[dict[str, Any]]:
        """Let subnet and zone follow an existing interface, and new interfaces the subnet."""
        nics = copy.deepcopy(kwargs.get("nics") or [])
        for nic in nics:
            if eni_id := nic.get("NetworkInterfaceId"):
                eni = self.interface_to_attach(eni_id)  # type: ignore[attr-defined]
                kwargs.setdefault("subnet_id", None)
                kwargs["subnet_id"] = kwargs["subnet_id"] or eni.subnet.id
            elif kwargs.get("subnet_id"):
                nic.setdefault("SubnetId", kwargs["subnet_id"])
        return nics

    def _check_profile(self, profile: tuple[str | None, str | None]) -> None:
        name, arn = profile
        if not (name or arn):
            return
        try:
            filter_iam_instance_profiles(self.account_id, self.partition, arn, name)
        except ServiceException as error:
            raise ec2_error(
                "InvalidParameterValue",
                f"Value ({name or arn}) for parameter iamInstanceProfile is invalid. "
                "Invalid IAM Instance Profile",
            ) from error


class InstanceResponses(EC2Response):
    """RunInstances launches as many as MaxCount allows, which here is always all of them."""

    def run_instances(self) -> ActionResult:
        self.params["MinCount"] = self._get_param("MaxCount", self._get_param("MinCount", 1))
        return super().run_instances()


def _profile(kwargs: dict[str, Any]) -> tuple[str | None, str | None]:
    return kwargs.get("iam_instance_profile_name"), kwargs.get("iam_instance_profile_arn")


def _block_devices(image: Ami, requested: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The image's root volume, changed and completed by what was asked for."""
    devices: dict[str, dict[str, Any]] = {image.root_device_name: {"VolumeSize": 8}}
    for mapping in requested:
        devices.setdefault(mapping["DeviceName"], {}).update(mapping.get("Ebs", {}))
    return [
        {"DeviceName": name, "Ebs": {"DeleteOnTermination": True, "VolumeType": "gp3", **ebs}}
        for name, ebs in devices.items()
    ]
