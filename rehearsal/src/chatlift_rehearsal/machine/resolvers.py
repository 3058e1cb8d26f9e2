"""The name servers that this machine itself asks."""

from __future__ import annotations

from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.resolver
from dns.message import Message

from chatlift_rehearsal.settings import SERVICE_ADDRESS

CONFIGURATION = Path("/etc/resolv.conf")
PATIENCE = 2.0
"""Seconds for each, so that the second one has answered before an instance asks again."""


def resolvers(configuration: Path = CONFIGURATION) -> list[str]:
    """Their addresses, without the rehearsal's own, which would ask itself."""
    try:
        found = dns.resolver.Resolver(str(configuration)).nameservers
    except dns.resolver.NoResolverConfiguration:
        return []
    return [str(server) for server in found if server != SERVICE_ADDRESS]


def ask(query: Message) -> Message:
    """The answer of the first that gives one; SERVFAIL if none does."""
    # Each time anew: a machine that is carried to another network gets others.
    for server in resolvers():
        try:
            return dns.query.udp_with_fallback(query, server, PATIENCE, ignore_unexpected=True)[0]
        except (dns.exception.DNSException, OSError):
            continue
    failed = dns.message.make_response(query)
    failed.set_rcode(dns.rcode.SERVFAIL)
    return failed
