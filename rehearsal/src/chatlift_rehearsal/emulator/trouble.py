"""What is to go wrong: calls that are turned away, and launches with them."""

from __future__ import annotations

from dataclasses import dataclass, field

# What Auto Scaling says when EC2 refuses it an instance.
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html
_OF_LAUNCHES = {
    "VcpuLimitExceeded": (
        "You have requested more vCPU capacity than your current vCPU limit of 32 allows for the"
        " instance bucket that the specified instance type belongs to. Please visit"
        " http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit"
    ),
    "InsufficientInstanceCapacity": (
        "We currently do not have sufficient capacity in the Availability Zone you requested. Our"
        " system will be working on provisioning additional capacity"
    ),
}


@dataclass(frozen=True)
class Trouble:
    """What goes wrong: a ``fraction`` (0 to 1) of all calls at random, half of them throttled and
    half with an error of the server; and each call of the operations in ``refused``, with the error
    code that stands there. A call that is turned away has no effect. Groups launch their instances
    with RunInstances, too."""

    fraction: float = 0.0
    refused: dict[str, str] = field(default_factory=dict)

    def of_launches(self) -> str:
        """Why a group is refused an instance; empty when it is not."""
        code = self.refused.get("RunInstances", "")
        return _OF_LAUNCHES.get(code, code)
