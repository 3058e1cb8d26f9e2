"""What runs, as plain data: the other half of what the controllers compare."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

Phase = Literal["running", "ending", "stopped", "rebooting", "dead", "failed"]
"""Of a host. ``rebooting``: it has ended to be started again; ``dead``: it has ended without being
asked to; ``failed``: it could not be started."""


@dataclass(frozen=True)
class VolumeBodies:
    """Volumes and snapshots that have a body, and which instance has which volume.

    ``sizes`` are the volumes' in GiB.
    """

    sizes: Mapping[str, int]
    snapshots: Set[str]
    attached: Mapping[str, str]

    @property
    def volumes(self) -> Set[str]:
        """The volumes with a body."""
        return self.sizes.keys()
