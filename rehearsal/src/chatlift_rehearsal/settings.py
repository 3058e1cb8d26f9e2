"""Where a rehearsal lives, what its parts are called and which addresses it takes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_HOME = Path("/var/lib/chatlift-rehearsal")

SERVICE_ADDRESS = "198.18.0.1"
"""Endpoint, DNS and metadata service; in the range of RFC 2544, which no real network routes."""

SERVICE_NETWORK = "198.18.0.0/24"
EDGE_NETWORK = "198.18.0.128/25"
"""The addresses from which CloudFront reaches its origins."""

RESERVED_NETWORKS = (SERVICE_NETWORK, "10.42.0.0/16", "172.31.0.0/16")
"""The service's range, the stack's default VPC and the region's default VPC."""

EDGE_ADDRESSES = tuple(f"198.18.0.{number}" for number in range(16, 128))
"""One for each CloudFront distribution, whose edge locations are all this machine."""

EDGE_SOURCE = "198.18.0.129"
"""The one of ``EDGE_NETWORK`` that is used."""

API_PORT = 4566
METADATA_PORT = 4567
DNS_PORT = 53
METADATA_ADDRESS = "169.254.169.254"
REGION = "eu-central-1"
MINUTE = 10.0
"""Seconds that CloudWatch's minute takes, so that nobody waits long for an alarm or for scaling;
``REHEARSAL_MINUTE`` may say otherwise."""

CREDENTIAL = "rehearsal"
"""Access key and secret key alike: it opens nothing but the emulator."""


LOG_SECONDS = 30.0
"""How often access logs go to their bucket; AWS sends a load balancer's every five minutes."""


@dataclass(frozen=True)
class Settings:
    """One rehearsal: everything on this machine that belongs to it is named after ``tag``."""

    home: Path
    minute: float = MINUTE

    @classmethod
    def from_environment(cls) -> Settings:
        """The rehearsal of ``REHEARSAL_HOME`` and ``REHEARSAL_MINUTE``, or of their defaults."""
        home = Path(os.environ.get("REHEARSAL_HOME") or DEFAULT_HOME).resolve()
        return cls(home, float(os.environ.get("REHEARSAL_MINUTE") or MINUTE))

    @property
    def tag(self) -> str:
        """``chatlift``; a rehearsal with a home of its own has names of its own, too.

        At most 11 characters: a network interface's name has 15.
        """
        if self.home == DEFAULT_HOME:
            return "chatlift"
        return "cl-" + hashlib.sha256(str(self.home).encode()).hexdigest()[:6]

    @property
    def cache(self) -> Path:
        """Survives ``down``: the base file system and the baked images."""
        return self.home / "cache"

    @property
    def run(self) -> Path:
        """Everything of the rehearsal that is running now; ``down`` removes it."""
        return self.home / "run"

    @property
    def bridge(self) -> str:
        """The network interface that carries the VPCs."""
        return self.tag

    @property
    def nft_table(self) -> str:
        """The nftables table with the rehearsal's address translation."""
        return self.tag.replace("-", "_")

    @property
    def endpoint(self) -> str:
        """The AWS endpoint, the same for this machine and for the instances."""
        return f"http://{SERVICE_ADDRESS}:{API_PORT}"

    @property
    def authority(self) -> Path:
        """The directory of the certificate authority, which clients may go on trusting."""
        return self.cache / "authority"

    @property
    def bucket_origin(self) -> Path:
        """The socket on which distributions reach buckets."""
        return self.run / "buckets.sock"

    @property
    def log(self) -> Path:
        """The daemon's log."""
        return self.run / "daemon.log"

    @property
    def status(self) -> Path:
        """What the daemon last published about itself, as JSON."""
        return self.run / "status.json"
