"""Where a distribution's proxy is, and where it has its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

POP = "LAB50-P1"
"""The edge location, in answers and logs."""

CACHE, ACCESS_LOG, STATUS = "cache", "access.log", "status.sock"
CERTIFICATE, KEY = "certificate.pem", "certificate.key"
"""Below the distribution's own directory."""


@dataclass(frozen=True)
class Place:
    """What a distribution's proxy finds outside of its own directory."""

    bucket_socket: Path
    source: str
    trusted: Path
    script: Path
    resolver: str
