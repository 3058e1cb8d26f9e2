"""Who listens on which port of this machine."""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Protocol = Literal["tcp", "udp"]

_LISTENING: dict[Protocol, str] = {"tcp": "0A", "udp": "07"}
"""The state of a socket that waits for anybody; one of UDP is in it, too, while it asks others."""


@dataclass(frozen=True)
class Listener:
    """A listening socket; ``process`` is its name and number, as far as these are known."""

    address: str
    port: int
    process: str
    protocol: Protocol = "tcp"

    def covers(self, address: str) -> bool:
        """Whether nobody else can listen on its port at ``address``."""
        own = ipaddress.ip_address(self.address)
        return own.is_unspecified or self.address == address


def listeners() -> list[Listener]:
    """Every listening socket of this machine's network."""
    found = []
    owners = _owners()
    for protocol, state in _LISTENING.items():
        for path in (Path(f"/proc/net/{protocol}"), Path(f"/proc/net/{protocol}6")):
            for line in path.read_text().splitlines()[1:] if path.exists() else []:
                fields = line.split()
                if fields[3] == state:
                    owner = owners.get(fields[9], "an unknown process")
                    found.append(Listener(*parse_address(fields[1]), owner, protocol))
    return found


def parse_address(text: str) -> tuple[str, int]:
    """``0100007F:1F90`` is 127.0.0.1, 8080: 32-bit words in the machine's byte order (proc(5))."""
    words, port = text.split(":")
    packed = b"".join(
        int(words[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(words), 8)
    )
    return str(ipaddress.ip_address(packed)), int(port, 16)


def _owners() -> dict[str, str]:
    """The process that holds a socket, by the socket's inode."""
    found = {}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                process = descriptor.parents[1]
                name = (process / "comm").read_text().strip()
                found[target[8:-1]] = f"{name} (process {process.name})"
        except OSError:
            continue  # It has ended since, or belongs to another user.
    return found
