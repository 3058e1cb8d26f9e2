"""Talking to this instance's HAProxy over its runtime API.

https://docs.haproxy.org/3.0/management.html#9.3
"""

from __future__ import annotations

import csv
import io
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

UNIT = "haproxy.service"
STATS_SOCKET = Path("/run/haproxy/admin.sock")
FRONTEND = "clients"
"""Name of the frontend for clients in haproxy.cfg."""

BACKEND = "application"
"""Name of the application's backend in haproxy.cfg, whose checks know the health path."""

OVERLOADED = "overloaded"
"""Name of the backend that has clients while no process answers its checks in time."""

COMMANDS_A_LINE = 100
"""Commands sent together; a line has to fit into HAProxy's buffer of 16 KiB."""

_STREAM = re.compile(r"(0x[0-9a-f]+): .*\bfe=(\S+) .*\brq\[.*?\ban=(\w+)h.*\brp\[.*?\ban=(\w+)h")

Ask = Callable[[str], str]


def ask(command: str) -> str:
    """HAProxy's answer to ``command``; raises `OSError` when it does not answer."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(2)
        channel.connect(str(STATS_SOCKET))
        channel.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: channel.recv(65536), b"")).decode()


def count_up(stats: str, backend: str = BACKEND) -> int:
    """How many servers of ``backend`` have passed a check, in the CSV of ``show stat``.

    HAProxy calls a server up before it has ever asked it, hence the look at the check itself.
    """
    return sum(
        row["# pxname"] == backend
        and row["status"].startswith("UP")
        and row["check_status"].endswith("OK")
        for row in _rows(stats)
    )


def unready(stats: str) -> list[str]:
    """The backends, the application's aside, through which a client may not find the right server.

    HAProxy takes every server for up until its first checks are over, so that the first connections
    to a database could reach a member that does not lead.
    """
    servers: dict[str, list[tuple[bool, bool]]] = {}
    for row in _rows(stats):
        state = row["status"].partition(" ")[0]
        if row["# pxname"] != BACKEND and row["svname"] != "BACKEND" and state in ("UP", "DOWN"):
            seen = (state == "UP", row["check_status"].endswith("OK"))
            servers.setdefault(row["# pxname"], []).append(seen)
    return [
        name
        for name, seen in servers.items()
        if not any(up for up, _passed in seen) or any(up and not passed for up, passed in seen)
    ]


def connections(stats: str) -> int:
    """How many requests and WebSockets the application has open."""
    return sum(
        int(row["scur"])
        for row in _rows(stats)
        if row["# pxname"] in (BACKEND, OVERLOADED) and row["svname"] == "BACKEND"
    )


def requests(stats: str) -> int:
    """How many requests the clients have made since HAProxy read its configuration."""
    return sum(
        int(row["req_tot"])
        for row in _rows(stats)
        if (row["# pxname"], row["svname"]) == (FRONTEND, "FRONTEND")
    )


def streams(sessions: str) -> tuple[list[str], list[str]]:
    """The clients' streams in the answer to ``show sess``: WebSockets, and requests under way.

    A request keeps analysers busy (``an=``) on the way there or back; a WebSocket, once it is open,
    has none left. Connections that wait for their next request have no stream.
    """
    websockets: list[str] = []
    under_way: list[str] = []
    for match in map(_STREAM.match, sessions.splitlines()):
        if match and match[2] == FRONTEND:
            tunnel = int(match[3], 16) == int(match[4], 16) == 0
            (websockets if tunnel else under_way).append(match[1])
    return websockets, under_way


def shutdowns(streams: Iterable[str]) -> Iterator[str]:
    """The commands that close ``streams``, several to a line."""
    commands = [f"shutdown session {stream}" for stream in streams]
    for start in range(0, len(commands), COMMANDS_A_LINE):
        yield "; ".join(commands[start : start + COMMANDS_A_LINE])


def _rows(stats: str) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(stats))
