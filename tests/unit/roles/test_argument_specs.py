"""Every option of a role is described, typed and named for its role.

That defaults equal the specification is for ``ansible-docsmith validate`` to check.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = sorted((Path(__file__).parents[3] / "roles").iterdir())


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads Ansible's ``!unsafe`` texts as what they are: text."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def _options(role: Path) -> dict[str, Any]:
    text = (role / "meta" / "argument_specs.yml").read_text()
    specs = yaml.load(text, Loader=_Loader)["argument_specs"]
    return {
        name: option for spec in specs.values() for name, option in spec.get("options", {}).items()
    }


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_is_described_and_named_for_its_role(role: Path) -> None:
    for name, option in _options(role).items():
        assert option.get("description"), f"{role.name}: {name} has no description"
        assert name.startswith((f"{role.name}_", "chatlift_")), (
            f"{role.name}: {name} has a foreign prefix"
        )
        assert option.get("type"), f"{role.name}: {name} has no type"
