"""A role's argument specification is the one truth of its defaults; defaults/main.yml equals it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted((Path(__file__).parents[2] / "roles").iterdir())


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads Ansible's ``!unsafe`` texts as what they are: text."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def _load(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), Loader=_Loader) or {} if path.exists() else {}


def _options(role: Path) -> dict[str, Any]:
    specs = _load(role / "meta" / "argument_specs.yml")["argument_specs"]
    return {
        name: option for spec in specs.values() for name, option in spec.get("options", {}).items()
    }


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_equal_the_specification(role: Path) -> None:
    specified = {name: o["default"] for name, o in _options(role).items() if "default" in o}
    assert _load(role / "defaults" / "main.yml") == specified


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_is_described_and_named_for_its_role(role: Path) -> None:
    for name, option in _options(role).items():
        assert option.get("description"), f"{role.name}: {name} has no description"
        assert name.startswith((f"{role.name}_", "chatlift_")), (
            f"{role.name}: {name} has a foreign prefix"
        )
        assert option.get("type"), f"{role.name}: {name} has no type"
