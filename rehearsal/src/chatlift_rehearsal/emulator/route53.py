"""Route 53's record sets: what a change may ask for, all of it or nothing.

moto compares deletions with a journal of earlier changes instead of with the records, applies a
batch as far as it comes, takes any value, and makes a SOA record that nobody can read.
"""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.name
import dns.rdataset
import dns.rdatatype
from moto.route53 import models
from moto.route53.exceptions import InvalidActionValue
from moto.route53.models import FakeZone, Route53Backend, route53_backends
from moto.route53.utils import validate_domain_name

from ..zones import HostedZoneView, RecordSetView
from .errors import route53_error

_ROUTING = ("Weight", "Region", "Failover", "GeoLocation", "MultiValueAnswer", "CidrRoutingConfig")

RecordSet = Any

RecordSets = dict[tuple[str, str], RecordSet]
"""Those of a zone by name and type."""


class ZoneMends(Route53Backend):
    """CreateHostedZone and ChangeResourceRecordSets.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/SOA-NSrecords.html
    """

    def create_hosted_zone(self, name: str, *args: Any, **kwargs: Any) -> FakeZone:
        try:
            dns.name.from_text(name)
        except dns.exception.DNSException as error:
            raise route53_error(
                "InvalidDomainName", f"The domain name is invalid: {error}"
            ) from error
        zone = super().create_hosted_zone(_qualified(name), *args, **kwargs)
        servers = [f"{server}." for server in zone.delegation_set.name_servers]  # type: ignore[union-attr]
        authority = f"{servers[0]} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
        zone.rrsets = [
            _record_set(zone.name, "NS", 172800, servers),
            _record_set(zone.name, "SOA", 900, [authority]),
        ]
        return zone

    def change_resource_record_sets(self, zoneid: str, change_list: list[dict[str, Any]]) -> None:
        zone = self.get_hosted_zone(zoneid)
        record_sets: RecordSets = {(one.name, str(one.type)): one for one in zone.rrsets}
        refused = [why for one in change_list if (why := _apply(one, zone, record_sets))]
        refused = refused or _conflicts(zone, record_sets)
        if refused:
            raise route53_error("InvalidChangeBatch", f"[{', '.join(refused)}]")
        zone.rrsets = list(record_sets.values())


def _apply(change: dict[str, Any], zone: FakeZone, record_sets: RecordSets) -> str:
    """Make one change, or say why not, as Route 53 does.

    https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
    """
    action, given = change["Action"], change["ResourceRecordSet"]
    if action not in ("CREATE", "UPSERT", "DELETE"):
        raise InvalidActionValue(action)
    validate_domain_name(given["Name"], code="InvalidChangeBatch")
    if "SetIdentifier" in given or any(key in given for key in _ROUTING):
        # Rather than one that would be answered differently than on AWS.
        raise route53_error(
            "InvalidInput",
            f"The rehearsal knows simple record sets only, without a routing policy: {given}",
        )
    wanted = _wanted(given)
    key = (wanted.name, wanted.type)
    called = f"resource record set [name='{wanted.name}', type='{wanted.type}']"
    if wanted.name != zone.name and not wanted.name.endswith(f".{zone.name}"):
        return f"RRSet with DNS name {wanted.name} is not permitted in zone {zone.name}"
    if action == "DELETE":
        if wanted.name == zone.name and wanted.type in ("SOA", "NS"):
            return f"A HostedZone must contain its own {wanted.type} record."
        if key not in record_sets:
            return f"Tried to delete {called} but it was not found"
        if _contents(wanted) != _contents(record_sets[key]):
            return f"Tried to delete {called} but the values provided do not match the current ones"
        del record_sets[key]
        return ""
    if action == "CREATE" and key in record_sets:
        return f"Tried to create {called} but it already exists"
    if flaw := _flaw(wanted):
        return f"Invalid Resource Record: FATAL problem: {flaw} in {called}"
    record_sets[key] = wanted
    return ""


def _wanted(given: dict[str, Any]) -> RecordSet:
    values = [one["Value"] for one in given.get("ResourceRecords") or []]
    return _record_set(
        given["Name"], given["Type"], given.get("TTL"), values, given.get("AliasTarget")
    )


def _record_set(
    name: str, kind: str, ttl: Any, values: list[str], alias: dict[str, Any] | None = None
) -> RecordSet:
    """As Route 53 lists it: names in lower case, and with a dot at their end."""
    make: Any = models.RecordSet
    return make(
        {
            "Name": _qualified(name),
            "Type": kind,
            "TTL": ttl,
            "ResourceRecords": values,
            "AliasTarget": alias and {**alias, "DNSName": _qualified(alias["DNSName"])},
        }
    )


def _qualified(name: str) -> str:
    return name.lower().rstrip(".") + "."


def _contents(record_set: RecordSet) -> tuple[Any, ...]:
    return record_set.alias_target, int(record_set.ttl or 0), sorted(record_set.records)


def _flaw(record_set: RecordSet) -> str:
    """What is wrong with a record set, so that no DNS server could answer with it."""
    try:
        dns.name.from_text(record_set.name)
        kind = dns.rdatatype.from_text(record_set.type)
        if record_set.alias_target:
            dns.name.from_text(record_set.alias_target["DNSName"])
            return ""
        if record_set.ttl is None or not record_set.records:
            return "TTL and ResourceRecords belong together"
        dns.rdataset.from_text_list(
            "IN", kind, int(record_set.ttl), record_set.records, origin=dns.name.root
        )
    except (dns.exception.DNSException, ValueError) as error:
        return f"{type(error).__name__} ({error})"
    return ""


def _conflicts(zone: FakeZone, record_sets: RecordSets) -> list[str]:
    """A CNAME stands alone, and nowhere at the top of a zone."""
    kinds: dict[str, set[str]] = {}
    for name, kind in record_sets:
        kinds.setdefault(name, set()).add(kind)
    return [
        f"RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other"
        f" records with the same DNS name in zone {zone.name}"
        for name, found in kinds.items()
        if "CNAME" in found and len(found) > 1
    ]


def hosted_zone_views(backend: Route53Backend) -> tuple[HostedZoneView, ...]:
    """Every public hosted zone, in the order they were made; the caller holds the lock."""
    return tuple(
        HostedZoneView(zone.name, tuple(_view(record_set) for record_set in zone.rrsets))
        for zone in backend.zones.values()
        if not zone.private_zone
    )


def _view(record_set: RecordSet) -> RecordSetView:
    alias = (record_set.alias_target or {}).get("DNSName", "")
    values = tuple(record_set.records)
    return RecordSetView(record_set.name, record_set.type, int(record_set.ttl or 0), values, alias)


def leads_to(account_id: str, name: str, target: str) -> bool:
    """Whether a public zone of the account has this CNAME record; the caller holds the lock."""
    return any(
        (one.type, one.name, *map(_qualified, one.values))
        == ("CNAME", _qualified(name), _qualified(target))
        for zone in hosted_zone_views(route53_backends[account_id]["aws"])
        for one in zone.records
    )
