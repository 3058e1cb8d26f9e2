"""What the inventories say is what the roles' specifications ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader

REPOSITORY = Path(__file__).parents[3]
INVENTORIES = pytest.mark.parametrize("inventory", ["production", "rehearsal"])


def _said(inventory: str) -> dict[str, Any]:
    """The variables of all hosts."""
    file = REPOSITORY / "inventories" / inventory / "group_vars" / "all.yml"
    return dict(DataLoader().load_from_file(str(file)))


def _options() -> dict[str, dict[str, Any]]:
    """Each variable's specification, one of those that ask for it."""
    found: dict[str, dict[str, Any]] = {}
    for file in REPOSITORY.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(file.read_text())["argument_specs"].values():
            found.update(entry.get("options", {}))
    return found


@INVENTORIES
def test_every_variable_of_the_stack_is_there(inventory: str) -> None:
    wanted = {name for name, one in _options().items() if one.get("required")}
    assert {name for name in wanted if name.startswith("chatlift_")} <= set(_said(inventory))


@INVENTORIES
def test_every_value_is_one_that_its_role_takes(inventory: str) -> None:
    options, said = _options(), _said(inventory)
    known = {name: value for name, value in said.items() if name in options}
    specification = {name: {**options[name], "required": False} for name in known}
    assert not ArgumentSpecValidator(specification).validate(known).error_messages
    unknown = {name for name in said if name not in options and not name.startswith("ansible_")}
    assert not unknown
