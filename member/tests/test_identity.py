"""User data that breaks the contract is refused with a sentence that names the key."""

import json
from pathlib import Path
from typing import Any

import pytest
from chatlift_member.identity import (
    IdentityError,
    gather_facts,
    parse_identity,
    read_identity,
)
from member_factory import REDIS, document


class Metadata:
    def __init__(self, **values: str) -> None:
        self.values = values

    def require(self, path: str) -> str:
        return self.values[path.replace("-", "_").replace("/", "_")]


def test_a_member_knows_itself_and_the_others() -> None:
    identity = parse_identity(document())
    assert identity.member == "redis-a1"
    assert identity.peers == REDIS
    assert [peer.name for peer in identity.others] == [peer.name for peer in REDIS[1:]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": 2}, "format is 2, but this agent understands 1 only"),
        ({"tier": "kafka"}, "tier is 'kafka', but has to be one of app, redis, mysql"),
        (
            {"redis_topology": "ring"},
            "redis_topology is 'ring', but has to be one of cluster, repl",
        ),
        ({"stack": ""}, "stack is '', but has to be a non-empty string"),
        ({"volume_id": None}, "volume_id is None, but has to be a non-empty string"),
        ({"member": "redis-d1"}, "member is 'redis-d1', which is missing from the list 'redis'"),
        ({"redis": {}}, "redis has to be a list of members"),
        ({"redis": [{"name": "redis-a1"}]}, "but a member has name, az and address"),
        (
            {"redis": [{"name": "redis-a1", "az": "a", "address": "10.42.300.1"}]},
            "whose address is no IPv4 address",
        ),
        ({"redis": document()["redis"][:1] * 2}, "redis has two members with the same name"),
        ({"tier": "app"}, "member is 'redis-a1', but an app instance has none: use null"),
    ],
)
def test_a_broken_document_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(IdentityError, match=says.replace("[", r"\[")):
        parse_identity(document(**change))


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "instance.json"
    with pytest.raises(IdentityError, match=r"instance\.json cannot be read"):
        read_identity(file)
    file.write_text("{")
    with pytest.raises(IdentityError, match=r"instance\.json is not JSON"):
        read_identity(file)
    file.write_text(json.dumps(document()))
    assert read_identity(file).stack == "demo"


def test_the_member_must_have_its_own_address() -> None:
    imds = Metadata(local_ipv4="10.42.32.99", instance_id="i-1")
    with pytest.raises(
        IdentityError, match=r"has the address 10.42.32.99, but its member redis-a1"
    ):
        gather_facts(parse_identity(document()), imds)  # type: ignore[arg-type]


def test_an_app_instance_is_named_by_its_id() -> None:
    imds = Metadata(
        local_ipv4="10.42.16.7",
        instance_id="i-1",
        ami_id="ami-1",
        placement_availability_zone="eu-central-1c",
    )
    identity = parse_identity(document(tier="app", member=None, volume_id=None))
    facts = gather_facts(identity, imds)  # type: ignore[arg-type]
    assert (facts.name, facts.az, facts.address) == ("i-1", "c", "10.42.16.7")
    assert facts.release == "ami-1"
