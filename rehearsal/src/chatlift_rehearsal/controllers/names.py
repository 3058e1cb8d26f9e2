"""What the DNS of the cloud answers: public hosted zones, and the names that AWS itself gives.

A name of a zone is looked up as in RFC 1034, section 4.3.2, with the wildcards of RFC 4592.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import dns.name
import dns.rcode
import dns.rdataset
import dns.rrset
from dns.name import Name
from dns.rdataclass import IN
from dns.rdataset import Rdataset
from dns.rdatatype import CNAME, DS, NS, SOA, A, RdataType

from chatlift_rehearsal.model import CloudView
from chatlift_rehearsal.settings import REGION, SERVICE_ADDRESS
from chatlift_rehearsal.zones import HostedZoneView, RecordSetView

AWS_TTL = 60
"""Seconds for which a name that AWS gives may be remembered."""

LONGEST_CHAIN = 16
"""Aliases of aliases that are followed."""

Node = Mapping[RdataType, Rdataset]
"""All records of a name."""


@dataclass(frozen=True)
class Zone:
    """A hosted zone; ``names`` are those with records and those above them."""

    origin: Name
    nodes: Mapping[Name, Node]
    names: frozenset[Name]

    def node(self, name: Name) -> Node | None:
        """The records of a name, which may be a wildcard's; None if there is no such name."""
        if name in self.names:
            return self.nodes.get(name, {})
        encloser = next(one for one in _upwards(name) if one in self.names)
        return self.nodes.get(Name(("*", *encloser.labels)))

    def delegates(self, name: Name, kind: RdataType) -> bool:
        """Whether others are to be asked, for a zone below this one."""
        cuts = [one for one in _upwards(name) if NS in self.nodes.get(one, {})]
        return any(one.is_subdomain(self.origin) and one != self.origin for one in cuts) and not (
            name in cuts and kind in (NS, DS)
        )


@dataclass(frozen=True)
class Names:
    """All that the cloud's DNS knows: ``hosts`` are the names that AWS gives."""

    hosts: Mapping[Name, Rdataset] = field(default_factory=dict)
    zones: Mapping[Name, Zone] = field(default_factory=dict)

    def zone_of(self, name: Name) -> Zone | None:
        """The zone that a name is in, which is the one with the longest name."""
        return next((self.zones[one] for one in _upwards(name) if one in self.zones), None)


@dataclass(frozen=True)
class Answer:
    """The sections of an answer; the rest of it is to be asked of others about ``elsewhere``."""

    records: tuple[dns.rrset.RRset, ...] = ()
    authority: tuple[dns.rrset.RRset, ...] = ()
    code: dns.rcode.Rcode = dns.rcode.NOERROR
    elsewhere: Name | None = None


def answer(names: Names, name: Name, kind: RdataType) -> Answer:
    """What is known of a name, at the end of all its CNAME records."""
    found: tuple[dns.rrset.RRset, ...] = ()
    for _ in range(LONGEST_CHAIN):
        if host := names.hosts.get(name):
            return Answer((*found, _named(name, host)) if kind == A else found)
        zone = names.zone_of(name)
        if zone is None or zone.delegates(name, kind):
            return Answer(found, elsewhere=name)
        node = zone.node(name)
        if node is None:
            return Answer(found, _authority(zone), dns.rcode.NXDOMAIN)
        if kind in node:
            return Answer((*found, _named(name, node[kind])))
        if CNAME not in node:
            return Answer(found, _authority(zone))
        found = (*found, _named(name, node[CNAME]))
        name = node[CNAME][0].target
    return Answer(found)


def _named(name: Name, records: Rdataset) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, records.ttl, list(records))


def _authority(zone: Zone) -> tuple[dns.rrset.RRset, ...]:
    """Whose word it is that there is nothing, and for how long (RFC 2308, section 3)."""
    records = zone.nodes[zone.origin][SOA]
    seconds = min(records.ttl, records[0].minimum)
    return (dns.rrset.from_rdata_list(zone.origin, seconds, list(records)),)


def _upwards(name: Name) -> Iterator[Name]:
    """A name, its parent, that one's parent … as far as the root."""
    while True:
        yield name
        if name == dns.name.root:
            return
        name = name.parent()


def names_of(view: CloudView) -> Names:
    """The names in a cloud."""
    hosts = {
        dns.name.from_text(name): dns.rdataset.from_text_list(IN, A, AWS_TTL, addresses)
        for name, addresses in _hosts(view)
        if addresses
    }
    zones: dict[Name, Zone] = {}
    for hosted in view.hosted_zones:
        zone = _zone(hosted, hosts)
        # Of several the world asks one.
        zones.setdefault(zone.origin, zone)
    return Names(hosts, zones)


def _hosts(view: CloudView) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names of load balancers, distributions, instances and name servers, and their addresses."""
    for balancer in view.load_balancers:
        yield balancer.dns_name, balancer.addresses
        yield f"dualstack.{balancer.dns_name}", balancer.addresses
    for distribution in view.distributions:
        yield distribution.domain_name, (distribution.address,)
    for instance in view.instances:
        address = instance.private_ip
        yield f"ip-{address.replace('.', '-')}.{REGION}.compute.internal", (address,)
    for zone in view.hosted_zones:
        for record_set in zone.records:
            if record_set.type == "NS" and record_set.name == zone.name:
                yield from ((server, (SERVICE_ADDRESS,)) for server in record_set.values)


def _zone(hosted: HostedZoneView, hosts: Mapping[Name, Rdataset]) -> Zone:
    nodes: dict[Name, dict[RdataType, Rdataset]] = {}
    origin = dns.name.from_text(hosted.name)
    aliases = []
    for record_set in hosted.records:
        name, kind = dns.name.from_text(record_set.name), RdataType.from_text(record_set.type)
        node = nodes.setdefault(name, {})
        if record_set.alias:
            aliases.append((name, kind, dns.name.from_text(record_set.alias)))
        else:
            node[kind] = _records(record_set, kind)
    _resolve_aliases(aliases, nodes, hosts)
    return Zone(origin, nodes, frozenset(_with_those_above(nodes, origin)))


def _records(record_set: RecordSetView, kind: RdataType) -> Rdataset:
    return dns.rdataset.from_text_list(
        IN, kind, record_set.ttl, record_set.values, origin=dns.name.root, relativize=False
    )


def _resolve_aliases(
    aliases: Iterable[tuple[Name, RdataType, Name]],
    nodes: Mapping[Name, dict[RdataType, Rdataset]],
    hosts: Mapping[Name, Rdataset],
) -> None:
    """Give aliases the records of what they name: a name of AWS, or one of their own zone.

    One that names nothing of this type stays without: VPCs have no IPv6 here.
    """
    targets = {(name, kind): target for name, kind, target in aliases}
    for (name, kind), target in targets.items():
        for _ in range(LONGEST_CHAIN):
            if (target, kind) not in targets:
                break
            target = targets[target, kind]
        found = hosts.get(target) if kind == A else None
        found = found or nodes.get(target, {}).get(kind)
        if found:
            nodes[name][kind] = found


def _with_those_above(names: Iterable[Name], origin: Name) -> Iterator[Name]:
    for name in names:
        for one in _upwards(name):
            yield one
            if one == origin:
                break
