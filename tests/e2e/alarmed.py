"""Releases that are healthy and wrong: an alarm undoes each, and nobody has to be there.

pytest -s tests/e2e/alarmed.py

Takes a quarter of an hour, on the stack of ``make rehearse``, and is no part of ``make test``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.releases import release, roll, running, undone
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
# Soon two thirds of the memory, and the rest slowly. Node.js limits its heap, but no buffers.
LEAKS = """
const kept = [];
const leak = () => {
  kept.push(Buffer.alloc(8 << 20, 1));
  setTimeout(leak, kept.length < 70 ? 250 : 4000);
};
leak();
"""
# Again and again all of it, before a minute is over.
LEAKS_FAST = """
const kept = [];
setInterval(() => kept.push(Buffer.alloc(8 << 20, 1)), 200);
"""
WATCHED = {"app_tier_roll_bake_time": 1800}
"""Longer than the alarms take: 3 minutes of 5 and 2 of 3, of 10 seconds each in the rehearsal."""

ALARMS_WINDOW = {"reconnects": 2}
"""Requests fail until the alarm is raised and all are back; nothing else is lost."""

PROCESSES_END = {"failed_requests": 100, "reconnects": 20}
"""Their clients come back to others, which end too, until the alarm is raised."""

NOTHING_BUT_MOVES = {"failed_requests": 0, "reconnects": 2}
"""To the release and back."""


def is_undone(stack: Stack, folder: Path, start: str, limits: Mapping[str, float]) -> None:
    """Deploy a release that does this first; clients notice no more than ``limits``."""
    good = running(stack)
    image = release(stack, folder, start)
    fails = pytest.raises(AssertionError, match=r"RollbackSuccessful")
    with noticing(stack, limits), fails:
        roll(stack, "rolling_deploy", app_tier_image_id=image, **WATCHED)
    assert set(running(stack).values()) == set(good.values())
    assert image in undone(stack)


def test_a_release_that_answers_500_is_undone_by_its_alarm(stack: Stack, tmp_path: Path) -> None:
    is_undone(stack, tmp_path, ANSWERS_500, ALARMS_WINDOW)


def test_a_release_that_leaks_is_undone_before_anybody_notices(
    stack: Stack, tmp_path: Path
) -> None:
    is_undone(stack, tmp_path, LEAKS, NOTHING_BUT_MOVES)


def test_a_release_whose_processes_end_again_and_again_is_undone(
    stack: Stack, tmp_path: Path
) -> None:
    is_undone(stack, tmp_path, LEAKS_FAST, PROCESSES_END)
