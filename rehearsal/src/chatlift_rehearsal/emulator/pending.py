"""What is pending for a while after it was made: NAT gateways, endpoints and load balancers.

moto's are ready at once. How long it takes is in `delays`.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models.nat_gateways import NatGateway as MotoNatGateway
from moto.ec2.models.vpcs import VPCEndPoint as MotoVpcEndpoint
from moto.elbv2.models import FakeLoadBalancer

from . import state
from .delays import delays


class _Pending:
    """Says ``pending`` instead of ``available`` until its time has come."""

    _available_at = 0.0

    @property
    def state(self) -> str:
        pending = self._state == "available" and state.now() < self._available_at
        return "pending" if pending else self._state

    @state.setter
    def state(self, value: str) -> None:
        self._state = value


class NatGateway(_Pending, MotoNatGateway):
    """A NAT gateway that is ``available`` after its time."""

    __module__ = "moto.ec2.models.nat_gateways"  # moto derives the service from it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._available_at = state.now() + delays.nat_gateway


class VpcEndpoint(_Pending, MotoVpcEndpoint):
    """An endpoint that is ``available`` after its time; one of type Gateway is at once."""

    __module__ = "moto.ec2.models.vpcs"  # moto derives the service from it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if str(self.vpc_endpoint_type).lower() == "interface":
            self._available_at = state.now() + delays.vpc_endpoint


class LoadBalancer(FakeLoadBalancer):
    """A load balancer that is ``active`` after its time."""

    __module__ = "moto.elbv2.models"  # moto derives the service from it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.active_at = state.now() + delays.load_balancer

    def activate(self) -> None:
        if is_active(self):
            super().activate()


def is_active(balancer: FakeLoadBalancer) -> bool:
    """Whether a load balancer takes requests, and checks its targets' health."""
    return isinstance(balancer, LoadBalancer) and state.now() >= balancer.active_at
