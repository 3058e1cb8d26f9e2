"""The app tier is replaced, is spared a bad release and goes back, and its users notice nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.releases import FRONT_END, deploy, roll, running, shown, undone, version
from tests.e2e.stack import Stack

NOTHING_FAILS = {"reconnects": 1, "failed_requests": 0, "duplicates": 0, "reordered": 0}


def test_other_settings_take_the_place_of_those_before(stack: Stack) -> None:
    before = running(stack)
    with noticing(stack, NOTHING_FAILS):
        deploy(stack, app_tier_detailed_monitoring=False)
    after = running(stack)
    assert not before.keys() & after.keys()
    assert len(after) == len(before)
    [old], [new] = set(before.values()), set(after.values())
    assert int(new) > int(old)


def test_a_release_that_crashes_is_undone(stack: Stack, tmp_path: Path) -> None:
    good, pages, marked = running(stack), shown(stack), undone(stack)
    shutil.copytree(FRONT_END, tmp_path / "frontend")
    (tmp_path / "frontend" / "new.html").touch()
    # One of another run of these tests has been undone before.
    bad = {
        "chatlift_app_dir": version(tmp_path, f"process.exit(1); // {uuid4()}"),
        "chatlift_frontend_dir": str(tmp_path / "frontend"),
    }
    fails = pytest.raises(AssertionError, match=r"RollbackSuccessful: 3\s+new\s+instances")
    with noticing(stack, {**NOTHING_FAILS, "reconnects": 0}), fails:
        deploy(stack, **bad)
    assert running(stack) == good
    assert shown(stack) == pages
    [image] = set(undone(stack)) - set(marked)
    with pytest.raises(
        AssertionError, match=rf"is\s+{image}, which\s+was\s+rolled\s+out\s+and\s+undone"
    ):
        deploy(stack, **bad)


def test_what_was_before_comes_back(stack: Stack) -> None:
    before = running(stack)
    with noticing(stack, NOTHING_FAILS):
        roll(stack, "rollback", app_tier_roll_back_version="1")
    after = running(stack)
    assert not before.keys() & after.keys()
    assert list(after.values()) == ["1"] * len(before)
