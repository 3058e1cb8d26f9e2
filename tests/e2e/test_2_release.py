"""The app tier gets a release, is spared a bad one and goes back, and its users notice nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.releases import bake, images, roll
from tests.e2e.stack import Stack

NOTHING_FAILS = {"reconnects": 1, "failed_requests": 0, "duplicates": 0, "reordered": 0}


@pytest.fixture(scope="module")
def before(stack: Stack) -> set[str]:
    """The image that the application's instances have at first."""
    return images(stack)


def test_a_release_takes_the_place_of_another(
    stack: Stack, before: set[str], tmp_path: Path
) -> None:
    bake(stack, tmp_path, "// The next release.")
    with noticing(stack, NOTHING_FAILS):
        output = roll(stack, "rolling_deploy")
    print(output)
    new = images(stack)
    assert len(new) == 1
    assert not new & before


def test_a_release_that_crashes_is_undone(stack: Stack, tmp_path: Path) -> None:
    good = images(stack)
    bake(stack, tmp_path, "process.exit(1);")
    undone = pytest.raises(AssertionError, match=r"RollbackSuccessful: 3\s+new\s+instances")
    with noticing(stack, {**NOTHING_FAILS, "reconnects": 0}), undone:
        roll(stack, "rolling_deploy")
    assert images(stack) == good


def test_a_release_is_taken_back(stack: Stack, before: set[str]) -> None:
    with noticing(stack, NOTHING_FAILS):
        roll(stack, "rollback", app_tier_roll_back_version="1")
    assert images(stack) == before
