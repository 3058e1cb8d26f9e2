"""The certificates are renewed while everybody talks, and nobody's connection ends."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any

import pymysql
import redis

from tests.e2e.conversation import Ledger, talking
from tests.e2e.stack import Instance, Stack
from tests.e2e.vantage import inside


@dataclass
class Connection:
    """A connection of the application's user to one member, over TLS."""

    member: str
    tier: str
    client: Any

    @classmethod
    def open(cls, member: Instance, secret: dict[str, str], origin: str) -> Connection:
        """Connect from the instance ``origin``, as its application does."""
        with inside(origin):
            return cls._open(member, secret)

    @classmethod
    def _open(cls, member: Instance, secret: dict[str, str]) -> Connection:
        user, password = secret["app_username"], secret["app_password"]
        context = ssl.create_default_context(cadata=secret["ca"])
        client: Any
        if member.tier == "mysql":
            database = secret["app_database"]
            client = pymysql.connect(
                host=member.address, user=user, password=password, database=database, ssl=context
            )
        else:
            client = redis.SSLConnection(
                host=member.address, username=user, password=password, ssl_ca_data=secret["ca"]
            )
            client.connect()
        return cls(member.name, member.tier, client)

    def certificate(self) -> str:
        """What the server showed when the connection was made."""
        found = self.client._sock.getpeercert(binary_form=True)
        return ssl.DER_cert_to_PEM_cert(found)

    def lives(self) -> bool:
        """Whether the server still answers here; never connects again."""
        if self.tier == "mysql":
            self.client.ping(reconnect=False)
            return True
        self.client.send_command("PING", check_health=False)
        return self.client.read_response() in (b"PONG", "PONG")


async def test_renewed_certificates_drop_no_connection(stack: Stack, ledger: Ledger) -> None:
    members = stack.instances("redis") + stack.instances("mysql")
    secrets = {tier: stack.secret(tier) for tier in ("redis", "mysql")}
    origin = stack.instances("app")[0].id
    held = [Connection.open(member, secrets[member.tier], origin) for member in members]
    async with talking(stack.url(), ledger) as talk:
        await talk.go_on(10)
        sockets = {person.name: person.connections for person in talk.clients}
        await asyncio.to_thread(
            stack.run_playbook, "playbooks/rotate_certificates.yml", "-e", "rotate_older_days=0"
        )
        await talk.go_on(10)
        assert {person.name: person.connections for person in talk.clients} == sockets
    print(f"longest gap between acknowledgements: {talk.longest_gap():.1f} s")
    for member, old in zip(members, held, strict=True):
        secret = stack.secret(member.tier)
        new = Connection.open(member, secret, origin)
        assert old.lives(), member.name
        assert new.certificate().strip() == secret["certificate"].strip(), member.name
        assert new.certificate() != old.certificate(), member.name
    await ledger.check(stack.url())
