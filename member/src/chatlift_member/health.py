"""How a member says how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Status:
    """One look at the member's service. Decides all four answers of port 8008."""

    healthy: bool
    """In good standing: the service answers and its cluster counts it in."""
    leads: bool
    """MySQL primary or Redis master; false on an app instance."""
    role: str
    """``primary``, ``replica``, ``app`` or ``unknown``."""
    state: str
    """The service's own word for it, such as ``ONLINE`` or ``cluster_state:ok``."""
    detail: str = ""
    """A sentence for people, empty when there is nothing to add."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Name to value, such as ``{"mysql_members_online": 3}``; served as ``chatlift_<name>``."""

    @classmethod
    def down(cls, state: str, detail: str) -> Status:
        """The status of a service that does not answer, or is not started yet."""
        return cls(healthy=False, leads=False, role="unknown", state=state, detail=detail)
