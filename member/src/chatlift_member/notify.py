"""The conversation with systemd: sd_notify(3), and sockets that outlive a restart of the agent.

https://www.freedesktop.org/software/systemd/man/latest/sd_pid_notify_with_fds.html
"""

from __future__ import annotations

import os
import socket

FIRST_PASSED = 3
"""Number of the first file descriptor that systemd passes: sd_listen_fds(3)."""


def notify(*assignments: str, keep: socket.socket | None = None) -> None:
    """Send ``assignments`` such as ``READY=1``, with a socket to keep; a no-op without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address)
        message = "\n".join(assignments).encode()
        socket.send_fds(channel, [message], [keep.fileno()] if keep else [])


def listener(port: int) -> tuple[socket.socket, bool]:
    """A listening socket on ``port``, and whether an agent before this one made it.

    systemd keeps the socket while the agent is restarted: probes then wait for the new agent
    instead of being refused, and nobody takes the member's service for dead.
    """
    if os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1":
        return socket.socket(fileno=FIRST_PASSED), True
    made = socket.create_server(("", port), backlog=128)
    notify("FDSTORE=1", "FDNAME=health", keep=made)
    return made, False
