"""Who this instance is: ``instance.json`` checked against the contract, and the machine's facts."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import memory
from .errors import AgentError
from .facts import Facts, Identity, Peer
from .imds import Imds

FORMAT = 1
TIERS = ("app", "redis", "mysql")
REDIS_TOPOLOGIES = ("cluster", "replicated")
INSTANCE = Path("/etc/chatlift/instance.json")

_TEXTS = (
    "stack",
    "region",
    "tier",
    "asg",
    "launch_hook",
    "terminate_hook",
    "secret_arn",
    "endpoint_url",
    "mysql_group_name",
    "redis_topology",
)
_MAY_BE_EMPTY = ("endpoint_url", "mysql_group_name")


class IdentityError(AgentError):
    """The user data is not what the contract says."""


def read_identity(path: Path = INSTANCE) -> Identity:
    """The identity in ``path``.

    Raises `IdentityError`, which names the file, the key and the right form.
    """
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise IdentityError(
            f"{path} cannot be read ({error.strerror}); the user data has to write it."
        ) from None
    except json.JSONDecodeError as error:
        raise IdentityError(f"{path} is not JSON: {error}.") from None
    try:
        return parse_identity(document)
    except IdentityError as error:
        raise IdentityError(f"{path}: {error}") from None


def parse_identity(document: object) -> Identity:
    """The identity in a decoded ``instance.json``; raises `IdentityError`."""
    if not isinstance(document, dict):
        raise IdentityError("It has to be a JSON object.")
    if document.get("format") != FORMAT:
        raise IdentityError(
            f"format is {document.get('format')!r}, but this agent understands {FORMAT} only."
        )
    texts = {key: _text(document, key) for key in _TEXTS}
    for key, choices in (("tier", TIERS), ("redis_topology", REDIS_TOPOLOGIES)):
        if texts[key] not in choices:
            raise IdentityError(
                f"{key} is {texts[key]!r}, but has to be one of {', '.join(choices)}."
            )
    durable = texts["tier"] != "app"
    identity = Identity(
        **texts,
        member=_text(document, "member") if durable else _null(document, "member"),
        volume_id=_text(document, "volume_id") if durable else _null(document, "volume_id"),
        redis=_peers(document, "redis"),
        mysql=_peers(document, "mysql"),
    )
    if durable and identity.member not in {peer.name for peer in identity.peers}:
        raise IdentityError(
            f"member is {identity.member!r}, which is missing from the list {identity.tier!r}."
        )
    return identity


def gather_facts(identity: Identity, imds: Imds) -> Facts:
    """What the machine adds to ``identity``.

    Raises `IdentityError` when the instance does not have its member's address, which happens when
    the launch template does not name the member's network interface.
    """
    address = imds.require("local-ipv4")
    own = next((peer for peer in identity.peers if peer.name == identity.member), None)
    if own and own.address != address:
        raise IdentityError(
            f"This instance has the address {address}, but its member {own.name} has "
            f"{own.address}; check the network interface in the launch template {identity.asg}."
        )
    return Facts(
        identity=identity,
        instance_id=imds.require("instance-id"),
        az=own.az if own else imds.require("placement/availability-zone")[-1],
        release=imds.require("ami-id"),
        address=address,
        memory_bytes=memory.look().total,
        cpus=len(os.sched_getaffinity(0)),
    )


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not (value or key in _MAY_BE_EMPTY):
        raise IdentityError(f"{key} is {value!r}, but has to be a non-empty string.")
    return value


def _null(document: Mapping[str, Any], key: str) -> str | None:
    if document.get(key) is not None:
        raise IdentityError(f"{key} is {document[key]!r}, but an app instance has none: use null.")
    return None


def _peers(document: Mapping[str, Any], tier: str) -> tuple[Peer, ...]:
    entries = document.get(tier)
    if not isinstance(entries, list):
        raise IdentityError(f"{tier} has to be a list of members.")
    peers = tuple(_peer(tier, entry) for entry in entries)
    for what in ("name", "address"):
        values = [getattr(peer, what) for peer in peers]
        if len(set(values)) < len(values):
            raise IdentityError(f"{tier} has two members with the same {what}: {values}.")
    return peers


def _peer(tier: str, entry: object) -> Peer:
    if not isinstance(entry, dict) or set(entry) != {"name", "az", "address"}:
        raise IdentityError(f"{tier} holds {entry!r}, but a member has name, az and address.")
    try:
        ipaddress.IPv4Address(entry["address"])
    except ValueError:
        raise IdentityError(f"{tier} holds {entry!r}, whose address is no IPv4 address.") from None
    return Peer(name=str(entry["name"]), az=str(entry["az"]), address=entry["address"])
