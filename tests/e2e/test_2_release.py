"""The app tier gets a release, is spared a bad one and goes back, and its users notice nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.stack import Stack

BACKEND = Path(__file__).parents[2] / "examples" / "chat" / "backend"
ROLL = {"app_tier_instance_warmup": 30, "app_tier_roll_bake_time": 60}
"""Shorter than usual, and passing six times as fast in the rehearsal."""

NOTHING_FAILS = {"reconnects": 1, "failed_requests": 0, "duplicates": 0, "reordered": 0}


def _bake(stack: Stack, folder: Path, start: str) -> None:
    """An image of the application that does this first when it starts."""
    app = folder / "backend"
    shutil.copytree(BACKEND, app, ignore=shutil.ignore_patterns("node_modules"))
    index = app / "src" / "index.js"
    index.write_text(f"{start}\n{index.read_text()}")
    stack.run_playbook("playbooks/bake.yml", "-e", json.dumps({"chatlift_app_dir": str(app)}))


def _roll(stack: Stack, playbook: str, **variables: Any) -> str:
    """Run a playbook that replaces instances; they come up one after the other."""
    arguments = ("--limit", "app", "-e", json.dumps(variables | ROLL))
    return stack.run_playbook(f"playbooks/{playbook}.yml", *arguments)


def _images(stack: Stack) -> set[str]:
    return {one.image_id for one in stack.instances("app")}


@pytest.fixture(scope="module")
def before(stack: Stack) -> set[str]:
    """The image that the application's instances have at first."""
    return _images(stack)


def test_a_release_takes_the_place_of_another(
    stack: Stack, before: set[str], tmp_path: Path
) -> None:
    _bake(stack, tmp_path, "// The next release.")
    with noticing(stack, NOTHING_FAILS):
        output = _roll(stack, "rolling_deploy")
    print(output)
    new = _images(stack)
    assert len(new) == 1
    assert not new & before


def test_a_release_that_crashes_is_undone(stack: Stack, tmp_path: Path) -> None:
    good = _images(stack)
    _bake(stack, tmp_path, "process.exit(1);")
    undone = pytest.raises(AssertionError, match=r"RollbackSuccessful: 3\s+new\s+instances")
    with noticing(stack, {**NOTHING_FAILS, "reconnects": 0}), undone:
        _roll(stack, "rolling_deploy")
    assert _images(stack) == good


def test_a_release_is_taken_back(stack: Stack, before: set[str]) -> None:
    with noticing(stack, NOTHING_FAILS):
        _roll(stack, "rollback", app_tier_roll_back_version="1")
    assert _images(stack) == before
