"""What systemd is told, and the socket that it keeps while the agent is restarted."""

import os
import socket
from pathlib import Path

import pytest
from chatlift_member import notify


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(str(tmp_path / "notify"))
    channel.settimeout(5)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return channel


def test_it_is_told_the_assignments(systemd: socket.socket) -> None:
    notify.notify("READY=1", "STATUS=fine")
    assert systemd.recv(100) == b"READY=1\nSTATUS=fine"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.notify("READY=1")


def test_the_listening_socket_is_given_to_systemd_and_taken_back(
    systemd: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, inherited = notify.listener(0)
    message, [kept], _, _ = socket.recv_fds(systemd, 100, 1)
    assert message == b"FDSTORE=1\nFDNAME=health"
    assert not inherited

    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    monkeypatch.setattr(notify, "FIRST_PASSED", kept)
    again, inherited = notify.listener(0)
    assert inherited
    assert again.getsockname() == made.getsockname()
