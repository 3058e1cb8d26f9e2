"""The app tier is replaced, is spared a bad release and goes back, and its users notice nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.releases import is_marked, release, roll, running
from tests.e2e.stack import Stack

NOTHING_FAILS = {"reconnects": 1, "failed_requests": 0, "duplicates": 0, "reordered": 0}


def test_other_settings_take_the_place_of_those_before(stack: Stack) -> None:
    before = running(stack)
    with noticing(stack, NOTHING_FAILS):
        # The newest image may be one of another run of these tests.
        image = stack.instances("app")[0].image_id
        other = {"app_tier_image_id": image, "app_tier_detailed_monitoring": False}
        roll(stack, "rolling_deploy", **other)
    after = running(stack)
    assert not before.keys() & after.keys()
    assert set(before.values()) == {"1"}
    assert list(after.values()) == ["2"] * len(before)


def test_a_release_that_crashes_is_undone(stack: Stack, tmp_path: Path) -> None:
    good = running(stack)
    image = release(stack, tmp_path, "process.exit(1);")
    undone = pytest.raises(AssertionError, match=r"RollbackSuccessful: 3\s+new\s+instances")
    with noticing(stack, {**NOTHING_FAILS, "reconnects": 0}), undone:
        roll(stack, "rolling_deploy", app_tier_image_id=image)
    assert running(stack) == good
    assert is_marked(stack, image)


def test_what_was_before_comes_back(stack: Stack) -> None:
    before = running(stack)
    with noticing(stack, NOTHING_FAILS):
        roll(stack, "rollback", app_tier_roll_back_version="1")
    after = running(stack)
    assert not before.keys() & after.keys()
    assert list(after.values()) == ["1"] * len(before)
