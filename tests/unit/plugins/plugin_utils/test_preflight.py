"""Each check of the preflight, with the sentence it says."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

REDIS = ["redis-a1", "redis-a2", "redis-b1", "redis-b2", "redis-c1", "redis-c2"]
MYSQL = ["mysql-a1", "mysql-b1", "mysql-c1"]
ZONES = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]


@pytest.fixture
def preflight() -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.plugin_utils.preflight")


@pytest.mark.parametrize("stack", ["demo", "a", "prod-eu-1", "abcdefghijklmnop"])
def test_a_good_stack_name(preflight: Any, stack: str) -> None:
    assert not list(preflight.check_stack(stack))


@pytest.mark.parametrize("stack", ["", "Demo", "1st", "de_mo", "abcdefghijklmnopq"])
def test_a_bad_stack_name(preflight: Any, stack: str) -> None:
    (said,) = preflight.check_stack(stack)
    assert "beginning with a letter, such as prod" in said


@pytest.mark.parametrize("version", ["23.2", "24.0.1", "26.1b1"])
def test_a_pip_that_bakes_can_take_along(
    preflight: Any, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(preflight, "version", lambda _name: version)
    assert not list(preflight.check_pip("/venv/bin/python"))


def test_a_pip_that_is_too_old(preflight: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "version", lambda _name: "23.0.1")
    (said,) = preflight.check_pip("/venv/bin/python")
    assert "has pip 23.0.1" in said
    assert "/venv/bin/python -m pip install 'pip>=23.2'" in said


def test_no_pip(preflight: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_name: str) -> str:
        raise preflight.PackageNotFoundError

    monkeypatch.setattr(preflight, "version", none)
    (said,) = preflight.check_pip("/venv/bin/python")
    assert "/venv/bin/python, in which ansible-playbook runs, lacks pip" in said


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.6.6", []),
        ("1.6.5", ["Packer v1.6.5 is too old to bake images: install Packer 1.6.6 or newer."]),
    ],
)
def test_the_version_of_packer(
    preflight: Any, tmp_path: Path, version: str, expected: list[str]
) -> None:
    program = tmp_path / "packer"
    program.write_text(f"#!/bin/sh\necho Packer v{version}\n")
    program.chmod(0o755)
    assert list(preflight.check_packer(str(program))) == expected


def test_without_packer(preflight: Any, tmp_path: Path) -> None:
    (said,) = preflight.check_packer(str(tmp_path / "packer"))
    assert "install Packer 1.6.6 or newer" in said


@pytest.mark.parametrize("cidr", ["10.42.0.0/16", "10.42.16.0/20"])
def test_a_good_range(preflight: Any, cidr: str) -> None:
    assert not list(preflight.check_cidr(cidr))


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("10.42.0.0/21", "too small: a /21 has 2048 addresses"),
        ("10.0.0.0/8", "larger than a VPC can be"),
        ("10.42.0.0/33", "no IPv4 range"),
        ("ten", "no IPv4 range"),
        ("10.42.1.0/16", "host bits set"),
        ("fd00::/16", "no IPv4 range"),
    ],
)
def test_a_bad_range(preflight: Any, cidr: str, expected: str) -> None:
    (said,) = preflight.check_cidr(cidr)
    assert expected in said
    assert "such as 10.42.0.0/16" in said


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        (ZONES[:2], "has 2 of the three zones"),
        ([], "has 0 of the three zones"),
        ([*ZONES, ZONES[0]], "names a zone twice"),
        ([*ZONES, "eu-central-1d", "eu-central-1e"], "has 5 zones"),
        (["eu-west-1a", *ZONES[1:]], "names eu-west-1a, which is not in the region eu-central-1"),
    ],
)
def test_bad_zones(preflight: Any, zones: list[str], expected: str) -> None:
    (said,) = preflight.check_zones(zones, "eu-central-1")
    assert expected in said
    assert "[eu-central-1a, eu-central-1b, eu-central-1c]" in said


def test_the_application(preflight: Any, tmp_path: Path) -> None:
    (said,) = preflight.check_application(str(tmp_path / "none"))
    assert "there is no such directory" in said
    (said,) = preflight.check_application(str(tmp_path))
    assert "has no package.json" in said
    (tmp_path / "package.json").write_text("{}")
    assert not list(preflight.check_application(str(tmp_path)))


@pytest.mark.parametrize(
    ("tier", "names"),
    [
        ("redis", REDIS),
        ("redis", [*REDIS, "redis-d1", "redis-d2"]),
        ("mysql", MYSQL),
        ("mysql", [*MYSQL, "mysql-a2", "mysql-b2"]),
    ],
)
def test_good_members(preflight: Any, tier: str, names: list[str]) -> None:
    assert not list(preflight.check_members(tier, names, 4))


@pytest.mark.parametrize(
    ("tier", "names", "expected"),
    [
        ("redis", [*REDIS[:5], "redis-6"], "'redis-6' is not a member's name"),
        ("redis", [*REDIS, "mysql-a1"], "Move it to the group mysql"),
        ("redis", [*REDIS[:5], "redis-d1"], "Use the letters a, b, c"),
        ("redis", REDIS[:4], "has 4 members (2 in a, 2 in b)"),
        ("redis", [*REDIS, "redis-a3"], "has 7 members (3 in a, 2 in b, 2 in c)"),
        ("redis", [*REDIS[:5], "redis-a3"], "Put at most 2 of 6 in one zone"),
        ("redis", [], "has 0 members (none)"),
        ("mysql", MYSQL[:2], "has 2 members"),
        ("mysql", [*MYSQL, "mysql-a2"], "Name an odd number from 3 to 9"),
        ("mysql", ["mysql-a1", "mysql-a2", "mysql-b1"], "Put at most 1 of 3 in one zone"),
    ],
)
def test_bad_members(preflight: Any, tier: str, names: list[str], expected: str) -> None:
    assert expected in "\n".join(preflight.check_members(tier, names, 3))


def test_a_mistyped_variable_is_named_with_the_closest(preflight: Any) -> None:
    known = {"data_tier_volume_size", "chatlift_stack"}
    roles = {"data_tier", "node"}
    names = {"data_tier_volume_sise", "chatlift_stack", "ansible_host", "nodes_of_mine"}
    assert list(preflight.check_variables(names, known, roles)) == [
        "The variable data_tier_volume_sise is known to no role. Did you mean"
        " data_tier_volume_size?"
    ]


PAGES = {
    "type": "list",
    "elements": "dict",
    "description": "Pages.",
    "options": {"code": {"type": "int", "required": True, "description": "The status code."}},
}


@pytest.mark.parametrize("pages", [[], [{"code": 404}], [{"code": "404"}]])
def test_a_value_that_fits_its_specification(preflight: Any, pages: Any) -> None:
    assert not list(preflight.check_value("pages", pages, PAGES))


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([{"code": "none"}], "found in 'pages'. and we were unable to convert to int"),
        ([{}], "Missing required arguments: code found in pages"),
        ([{"code": 1, "kode": 2}], "Pages.kode. Supported parameters include: code."),
        ({"code": 1}, "is of type dict and we were unable to convert to list"),
    ],
)
def test_a_value_that_does_not(preflight: Any, pages: Any, expected: str) -> None:
    said = list(preflight.check_value("pages", pages, PAGES))
    assert any(expected in one for one in said), said
