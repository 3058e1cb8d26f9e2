"""A release that is healthy and wrong: an alarm undoes it, and nobody has to be there.

pytest -s tests/e2e/alarmed.py

Takes six minutes, on the stack that ``make rehearse`` makes, and is no part of ``make test``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.releases import bake, roll, running
from tests.e2e.stack import Stack

# All is well for the health checks.
ANSWERS_500 = """
import http from 'node:http';
const { writeHead } = http.ServerResponse.prototype;
http.ServerResponse.prototype.writeHead = function (status, ...rest) {
  const { url } = this.req;
  const wrong = url.startsWith('/api/') && !url.startsWith('/api/ready');
  return writeHead.call(this, wrong ? 500 : status, ...rest);
};
"""
WATCHED = {"app_tier_roll_bake_time": 900}
"""Longer than the alarm takes: 3 minutes of 5, of 10 seconds each in the rehearsal."""

ALARMS_WINDOW = {"reconnects": 2, "duplicates": 0, "reordered": 0}
"""Requests fail until the alarm is raised and all are back; nothing else is lost."""


def test_a_release_that_answers_500_is_undone_by_its_alarm(stack: Stack, tmp_path: Path) -> None:
    good = running(stack)
    image = bake(stack, tmp_path, ANSWERS_500)
    undone = pytest.raises(AssertionError, match=r"RollbackSuccessful")
    with noticing(stack, ALARMS_WINDOW), undone:
        roll(stack, "rolling_deploy", app_tier_image_id=image, **WATCHED)
    assert set(running(stack).values()) == set(good.values())
