"""Network interfaces: every private address is unique, inside its subnet, and given back.

moto draws the address of an interface at random, without looking who else has it, and lets two
interfaces claim the same fixed address.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import Attachment, NetworkInterface

from .errors import ec2_error

# AWS keeps the first four addresses of a subnet and the last.
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
_RESERVED_AT_START = 4


def pick_address(cidr: str, taken: set[str], last: str | None = None) -> str:
    """The next free address after ``last``, so that a freed one is not given out again at once.

    Raises the EC2 error InsufficientFreeAddressesInSubnet when the subnet is full.
    """
    network = ipaddress.IPv4Network(cidr)
    usable = range(_RESERVED_AT_START, network.num_addresses - 1)
    start = int(ipaddress.IPv4Address(last)) - int(network[0]) + 1 if last else usable.start
    for offset in (*range(max(start, usable.start), usable.stop), *usable):
        address = str(network[offset])
        if address not in taken:
            return address
    raise ec2_error(
        "InsufficientFreeAddressesInSubnet",
        f"There are not enough free addresses in subnet {cidr} to satisfy the request.",
    )


class AddressMends(EC2Backend):
    """CreateNetworkInterface and what depends on it."""

    def create_network_interface(
        self,
        subnet: Any,
        private_ip_address: str | list[str],
        private_ip_addresses: list[dict[str, Any]] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> NetworkInterface:
        subnet = self.get_subnet(subnet) if isinstance(subnet, str) else subnet
        wanted = self._wanted(private_ip_address, private_ip_addresses)
        if wanted is None:
            address = pick_address(
                subnet.cidr_block, self._taken(subnet.id), getattr(subnet, "last_picked", None)
            )
            subnet.last_picked = address
        else:
            address = self._claim(subnet, wanted)
        return super().create_network_interface(
            subnet, address, private_ip_addresses, *args, **kwargs
        )

    def attach_network_interface(
        self, eni_id: str, instance_id: str, device_index: int
    ) -> Attachment:
        self.interface_to_attach(eni_id)
        return super().attach_network_interface(eni_id, instance_id, device_index)

    def delete_network_interface(self, eni_id: str) -> None:
        eni = self.get_network_interface(eni_id)
        if eni.instance is not None:
            raise ec2_error(
                "InvalidNetworkInterface.InUse",
                f"Network interface '{eni_id}' is currently in use.",
            )
        super().delete_network_interface(eni_id)

    def interface_to_attach(self, eni_id: str) -> NetworkInterface:
        """The interface, or the EC2 error InvalidNetworkInterface.InUse when it is attached."""
        eni = self.get_network_interface(eni_id)
        if eni.status == "in-use":
            raise ec2_error("InvalidNetworkInterface.InUse", f"Interface: [{eni_id}] in use.")
        return eni

    def _taken(self, subnet_id: str) -> set[str]:
        return {
            address["PrivateIpAddress"]
            for eni in self.enis.values()
            if eni.subnet.id == subnet_id
            for address in eni.private_ip_addresses
        }

    def _wanted(
        self, single: str | list[str] | None, several: list[dict[str, Any]] | None
    ) -> str | None:
        if isinstance(single, list):
            single = next(iter(single), None)
        primary = (a["PrivateIpAddress"] for a in several or [] if a.get("Primary"))
        return single or next(primary, None)

    def _claim(self, subnet: Any, address: str) -> str:
        if ipaddress.IPv4Address(address) not in ipaddress.IPv4Network(subnet.cidr_block):
            raise ec2_error(
                "InvalidParameterValue",
                f"Address {address} does not fall within the subnet's address range "
                f"{subnet.cidr_block}",
            )
        if address in self._taken(subnet.id):
            raise ec2_error("InvalidIPAddress.InUse", f"The specified address {address} is in use.")
        return address


def no_address() -> None:
    """The subnet gives a NAT gateway or endpoint its address, not one of another network."""
