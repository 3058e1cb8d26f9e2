# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A public hosted zone of Route 53: finding it, its records, and whether the world asks it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

with suppress(ImportError):  # the modules that need it say so when dnspython is missing
    import dns.exception
    import dns.resolver

from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)

# Seconds for all questions about one delegation. A resolver that does not answer is no evidence.
DNS_LIFETIME = 5.0


@dataclass(frozen=True)
class Zone:
    """A hosted zone; ``name`` has no final dot, and neither have its name servers'."""

    id: str
    name: str
    name_servers: tuple[str, ...]

    @property
    def to_delegate(self) -> str:
        """What the owner of the parent zone has to do, as a sentence."""
        return (
            f"At the registrar, or in the parent zone, set the name servers of {self.name} to"
            f" {', '.join(self.name_servers)}."
        )


def find(route53: Any, name: str) -> Zone | None:
    """The account's public hosted zone of this very name.

    Raises:
        ChatliftError: There are several, of which the world asks one at most.
    """
    listed = route53.list_hosted_zones_by_name(DNSName=name)["HostedZones"]
    ids = [
        zone["Id"].removeprefix("/hostedzone/")
        for zone in listed
        if zone["Name"] == f"{name}." and not zone["Config"]["PrivateZone"]
    ]
    if len(ids) > 1:
        raise ChatliftError(
            f"This account has {len(ids)} public hosted zones {name}: {', '.join(ids)}. Delete"
            f" those whose name servers the parent zone does not name."
        )
    if not ids:
        return None
    found = route53.get_hosted_zone(Id=ids[0])
    servers = found["DelegationSet"]["NameServers"]
    return Zone(ids[0], name, tuple(sorted(server.rstrip(".") for server in servers)))


def required(route53: Any, changes: Changes, name: str) -> Zone:
    """The account's public hosted zone, or the one that check mode did not make.

    Raises:
        ChatliftError: There is none, or there are several.
    """
    zone = find(route53, name)
    if zone is None and changes.check_mode:
        return Zone(UNKNOWN, name, ())
    if zone is None:
        raise ChatliftError(
            f"This account has no public hosted zone {name}. If the domain is yours, set"
            f" edge_zone_create to true, and then its name servers at the registrar; if its zone"
            f" has another name, set edge_zone to it."
        )
    return zone


def delegation_flaw(zone: Zone, resolvers: list[str]) -> str:
    """A sentence when the world asks other name servers than the zone's; empty otherwise.

    ``resolvers`` are addresses of the DNS servers to ask, by default the system's.
    """
    resolver = dns.resolver.Resolver(configure=not resolvers)
    if resolvers:
        resolver.nameservers = resolvers
    resolver.lifetime = DNS_LIFETIME
    try:
        answer = resolver.resolve(f"{zone.name}.", "NS")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return f"Nobody is delegated the zone {zone.name}. {zone.to_delegate}"
    except (dns.exception.DNSException, OSError):
        return ""
    seen = sorted(str(record.target).rstrip(".").lower() for record in answer)
    if set(seen) & set(zone.name_servers):
        return ""
    return (
        f"The zone {zone.name} of this account is not the one that the world asks: its name servers"
        f" are {', '.join(seen)}. {zone.to_delegate}"
    )


def set_records(route53: Any, changes: Changes, zone: Zone, wanted: list[dict[str, Any]]) -> None:
    """See that the zone has these record sets, all of them in one change."""
    found = {_key(one): _record_set(route53, zone, *_key(one)) for one in wanted}
    stale = [one for one in wanted if _canonical(one) != _canonical(found[_key(one)] or {})]
    if stale:
        changes.apply(
            f"records of {zone.name}",
            [_readable(found[_key(one)]) for one in stale if found[_key(one)]],
            [_readable(one) for one in stale],
            route53.change_resource_record_sets,
            HostedZoneId=zone.id,
            ChangeBatch={
                "Changes": [{"Action": "UPSERT", "ResourceRecordSet": one} for one in stale]
            },
        )


def delete_records(
    route53: Any,
    changes: Changes,
    zone: Zone,
    keys: list[tuple[str, str]],
    alias_zone: str | None = None,
) -> None:
    """See that the zone has no record sets of these names and types.

    With ``alias_zone`` only aliases to something in that hosted zone are deleted: others are not
    ours any more.
    """
    found = [one for key in keys if (one := _record_set(route53, zone, *key)) is not None]
    if alias_zone:
        found = [
            one for one in found if one.get("AliasTarget", {}).get("HostedZoneId") == alias_zone
        ]
    if found:
        changes.apply(
            f"records of {zone.name}",
            [_readable(one) for one in found],
            None,
            route53.change_resource_record_sets,
            HostedZoneId=zone.id,
            ChangeBatch={
                "Changes": [{"Action": "DELETE", "ResourceRecordSet": one} for one in found]
            },
        )


def _record_set(route53: Any, zone: Zone, name: str, kind: str) -> dict[str, Any] | None:
    if zone.id == UNKNOWN:
        return None
    listed = route53.list_resource_record_sets(
        HostedZoneId=zone.id, StartRecordName=name, StartRecordType=kind, MaxItems="1"
    )["ResourceRecordSets"]
    return next((one for one in listed if _key(one) == (name, kind)), None)


def _key(record_set: dict[str, Any]) -> tuple[str, str]:
    return record_set["Name"].rstrip("."), record_set["Type"]


def _canonical(record_set: dict[str, Any]) -> dict[str, Any]:
    """The same for what was sent and for what Route 53 lists: it ends names with a dot."""
    return {
        key: {**value, "DNSName": value["DNSName"].rstrip(".")}
        if key == "AliasTarget"
        else value.rstrip(".")
        if key == "Name"
        else value
        for key, value in record_set.items()
    }


def _readable(record_set: dict[str, Any]) -> str:
    alias = record_set.get("AliasTarget", {}).get("DNSName")
    values = [alias] if alias else [one["Value"] for one in record_set["ResourceRecords"]]
    return " ".join([*_key(record_set), *values])
