"""Networks that are taken down in the right order, or not at all.

moto deletes subnets and security groups that are in use, so that a teardown in the wrong order
passes here and fails on AWS; and it leaves the interface of a deleted NAT gateway behind.
"""

from __future__ import annotations

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models import EC2Backend
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.subnets import Subnet


class DependencyMends(EC2Backend):
    """DeleteSubnet, DeleteSecurityGroup and DeleteNatGateway."""

    def delete_subnet(self, subnet_id: str) -> Subnet:
        if any(eni.subnet.id == subnet_id for eni in self.enis.values()):
            raise DependencyViolationError(
                f"The subnet '{subnet_id}' has dependencies and cannot be deleted."
            )
        return super().delete_subnet(subnet_id)

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        group = self.get_security_group_by_name_or_id(group_id or name or "")
        if group is not None and self._in_use(group.id):
            raise DependencyViolationError(f"resource {group.id} has a dependent object")
        super().delete_security_group(name, group_id)

    def _in_use(self, group_id: str) -> bool:
        """Whether an interface or a rule of another group refers to the group."""
        if any(group.id == group_id for eni in self.enis.values() for group in eni.group_set):
            return True
        return any(
            rule.source_group and rule.source_group.get("GroupId") == group_id
            for groups in self.groups.values()
            for group in groups.values()
            if group.id != group_id
            for rule in (*group.ingress_rules, *group.egress_rules)
        )

    def delete_nat_gateway(self, nat_gateway_id: str) -> NatGateway:
        gateway = super().delete_nat_gateway(nat_gateway_id)
        if gateway._eni.id in self.enis:
            gateway._eni.delete()
        return gateway
