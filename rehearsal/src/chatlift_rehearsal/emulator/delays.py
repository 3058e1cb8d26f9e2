"""How long takes here what takes AWS its time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Delays:
    """Seconds from a change until it is everywhere."""

    distribution: float = 1.0
    vpc_origin: float = 1.0
    invalidation: float = 0.5


delays = Delays()
"""In force now: whoever wants others assigns them."""
