"""A real Redis server takes new certificates from the agent, and no connection ends."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from authority import Authority
from chatlift_member import config
from chatlift_member.redis_client import Clients, Unanswered
from chatlift_member.redis_plan import PORT
from chatlift_member.secrets import write_tls
from chatlift_member.tier import Tls
from chatlift_member.wait import Deadline, NotYet, wait_for

USERS = Path(__file__).parents[2] / "roles/redis/templates/users.acl.j2"
# An address of this machine's own for each run of the tests: the agent knows no port but Redis's.
ADDRESS = f"127.99.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
LOGINS = {
    f"{user}_{part}": f"{user}-{part}"
    for user in ("app", "agent", "replication", "sentinel")
    for part in ("username", "password")
}


@dataclass
class Server:
    """A running server with the users of the role, whose certificate is an old authority's."""

    tls: Tls
    old: Authority

    def install(self, secret: dict[str, str]) -> None:
        write_tls(secret, self.tls, "root")

    def connect(self, authority: str) -> ssl.SSLSocket:
        """A client's connection, logged in, if the server's certificate is of ``authority``."""
        context = ssl.create_default_context(cadata=authority)
        connection = context.wrap_socket(
            socket.create_connection((ADDRESS, PORT), timeout=5), server_hostname=ADDRESS
        )
        login = f"AUTH {LOGINS['app_username']} {LOGINS['app_password']}"
        assert ask(connection, login) == "+OK"
        return connection


def issue(authority: Authority) -> dict[str, str]:
    return authority.issue(address=ADDRESS)


def ask(connection: ssl.SSLSocket, command: str) -> str:
    connection.sendall(f"{command}\r\n".encode())
    return connection.recv(4096).decode().strip()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "templates").mkdir()
    # Debian 12 has Redis 7.0, which does not know of that command yet.
    users = USERS.read_text().replace(" +client|setinfo", "")
    (tmp_path / "templates/users.acl.j2").write_text(users)
    values = {"secrets": LOGINS, "redis_topology": "cluster"}
    config.render_all(values, tmp_path, tmp_path / "templates")
    tls = Tls(tmp_path / "ca.crt", tmp_path / "server.crt", tmp_path / "server.key")
    made = Server(tls, Authority())
    made.install(issue(made.old))
    options = {
        "bind": ADDRESS,
        "port": 0,
        "tls-port": PORT,
        "tls-ca-cert-file": tls.ca,
        "tls-cert-file": tls.certificate,
        "tls-key-file": tls.private_key,
        "tls-auth-clients": "no",
        "aclfile": tmp_path / "users.acl",
        "dir": tmp_path,
        "save": "",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    # In redis-tools the server's program has another name; its name decides what it does. The
    # package redis-server would start one on this machine.
    process = subprocess.Popen(["redis-server", *words], executable="/usr/bin/redis-check-rdb")

    def answers() -> None:
        try:
            made.connect(made.old.pem).close()
        except OSError as error:
            raise NotYet(str(error)) from None

    try:
        wait_for("the Redis server to answer", answers, Deadline(10))
        yield made
    finally:
        process.kill()
        process.wait()


def test_a_renewed_certificate_is_met_by_new_connections_and_ends_no_old_one(
    server: Server,
) -> None:
    before = server.connect(server.old.pem)
    server.install(issue(server.old))
    Clients(LOGINS, server.tls).reload_tls(ADDRESS)
    after = server.connect(server.old.pem)
    assert after.getpeercert(binary_form=True) != before.getpeercert(binary_form=True)
    assert ask(before, "PING") == ask(after, "PING") == "+PONG"


def test_an_authority_is_replaced_in_stages_that_lock_nobody_out(server: Server) -> None:
    new = Authority()
    both = server.old.pem + new.pem
    agent = Clients(LOGINS, server.tls)
    before = server.connect(server.old.pem)
    for secret in (
        {**issue(server.old), "ca": both},
        {**issue(new), "ca": both},
        issue(new),
    ):
        server.install(secret)
        agent.reload_tls(ADDRESS)
        server.connect(both).close()
        assert Clients(LOGINS, server.tls).call(ADDRESS, "PING")
    server.connect(new.pem).close()
    with pytest.raises(ssl.SSLCertVerificationError):
        server.connect(server.old.pem)
    assert ask(before, "PING") == "+PONG"


def test_files_no_server_can_use_leave_it_as_it_was(server: Server) -> None:
    server.install({**issue(server.old), "private_key": issue(server.old)["private_key"]})
    with pytest.raises(Unanswered):
        Clients(LOGINS, server.tls).reload_tls(ADDRESS)
    server.connect(server.old.pem).close()
