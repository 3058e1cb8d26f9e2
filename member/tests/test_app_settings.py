"""The image's word on how the application runs is checked before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chatlift_member.app_settings import parse_settings, read_settings
from chatlift_member.errors import AgentError

GOOD = {
    "processes": "core",
    "release_command": "node migrate.js",
    "release_timeout": 600,
    "drain_seconds": 30,
}


@pytest.mark.parametrize(("processes", "count"), [("core", 3), ("instance", 1), ("stack", 1)])
def test_as_many_units_as_processes(processes: str, count: int) -> None:
    units = parse_settings({**GOOD, "processes": processes}).units(3)
    assert units == [f"chatlift-app@{n}.service" for n in range(1, count + 1)]


def test_a_command_may_be_tried_again_unless_the_image_forbids_it() -> None:
    assert parse_settings(GOOD).release_restartable
    assert not parse_settings({**GOOD, "release_restartable": False}).release_restartable


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"processes": "cores"},
            "processes is 'cores', but has to be one of core, instance, stack",
        ),
        ({"release_command": None}, "release_command is None"),
        ({"release_timeout": 0}, "release_timeout is 0, but has to be seconds, 1 or more"),
        ({"drain_seconds": -1}, "drain_seconds is -1, but has to be seconds, 0 or more"),
        ({"drain_seconds": "30"}, "drain_seconds is '30'"),
        ({"drain_seconds": True}, "drain_seconds is True"),
        ({"release_restartable": "no"}, "release_restartable is 'no'"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    file = tmp_path / "app.json"
    file.write_text(json.dumps(GOOD | change))
    with pytest.raises(AgentError, match=says) as raised:
        read_settings(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "says"), [("{", "is not JSON"), ("[]", "has to be a JSON object")]
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "app.json"
    file.write_text(text)
    with pytest.raises(AgentError, match=says):
        read_settings(file)


def test_an_image_without_settings_is_no_image_of_ours(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match=r"app.json cannot be read .* the role node writes it"):
        read_settings(tmp_path / "app.json")
