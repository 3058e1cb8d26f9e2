"""How long takes here what takes AWS its time."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class Delays:
    """Seconds until a thing that was made is ready, or a change is everywhere.

    Without delays only CloudFront has some, so that nobody forgets to wait; what has a body is
    ready when that is.
    """

    distribution: float = 1.0
    vpc_origin: float = 1.0
    invalidation: float = 0.5
    nat_gateway: float = 0.0
    load_balancer: float = 0.0
    vpc_endpoint: float = 0.0
    certificate: float = 0.0
    instance: float = 0.0
    image: float = 0.0


# What it usually takes in a real region. AWS promises none of it; for VPC origins it says "up to 15
# minutes", for distributions "in most cases, several minutes".
AWS = Delays(
    distribution=240.0,
    vpc_origin=300.0,
    invalidation=10.0,
    nat_gateway=100.0,
    load_balancer=150.0,
    vpc_endpoint=60.0,
    certificate=90.0,
    instance=15.0,
    image=180.0,
)

delays = Delays()
"""In force now: whoever wants others assigns them."""


def use(wanted: Delays, factor: float = 1.0) -> None:
    """Put these delays in force, each multiplied by ``factor``."""
    for one in fields(Delays):
        setattr(delays, one.name, getattr(wanted, one.name) * factor)
