"""What Route 53 says, as plain data; part of ``model.CloudView``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RecordSetView:
    """A record set: ``values`` as zone files have them, or the name that it is an ``alias`` of.

    Names are fully qualified; one of values that has no final dot is, too. ``ttl`` is in seconds.
    """

    name: str
    type: str
    ttl: int
    values: tuple[str, ...] = ()
    alias: str = ""


@dataclass(frozen=True)
class HostedZoneView:
    """A public hosted zone, its own SOA and NS records included."""

    name: str
    records: tuple[RecordSetView, ...]
