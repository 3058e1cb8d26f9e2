"""Interface endpoints whose interfaces have addresses of their subnets and the endpoint's groups.

moto draws their addresses from another network, gives them the default group, and leaves them as
they are when the endpoint changes.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.vpcs import VPCEndPoint


class EndpointMends(EC2Backend):
    """CreateVpcEndpoint and ModifyVpcEndpoint."""

    def create_vpc_endpoint(self, *args: Any, **kwargs: Any) -> VPCEndPoint:
        endpoint = super().create_vpc_endpoint(*args, **kwargs)
        self._follow(endpoint)
        return endpoint

    def modify_vpc_endpoint(self, vpc_id: str, *args: Any, **kwargs: Any) -> None:
        super().modify_vpc_endpoint(vpc_id, *args, **kwargs)  # it is the endpoint's id
        self._follow(self.vpc_end_points[vpc_id])

    def _follow(self, endpoint: VPCEndPoint) -> None:
        """Let an interface endpoint have one interface in each of its subnets, in its groups."""
        if str(endpoint.vpc_endpoint_type).lower() != "interface":
            return
        present = {self.enis[eni_id].subnet.id: eni_id for eni_id in endpoint.network_interface_ids}
        for subnet_id in present.keys() - set(endpoint.subnet_ids or ()):
            self.enis.pop(present.pop(subnet_id))
        for subnet_id in set(endpoint.subnet_ids or ()) - present.keys():
            present[subnet_id] = self.create_network_interface(subnet_id, "").id
        endpoint.network_interface_ids = list(present.values())
        for eni_id in endpoint.network_interface_ids:
            interface = self.enis[eni_id]
            interface.status = "in-use"
            interface.requester_managed = True
            interface.description = f"VPC Endpoint Interface {endpoint.id}"
            if endpoint.security_group_ids:
                self.modify_network_interface_attribute(eni_id, endpoint.security_group_ids)
