"""Checks before anything is touched: each failure is a sentence that says what to do."""

from __future__ import annotations

import os

from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.settings import Settings


def require_root() -> None:
    """Containers, bridges and loop devices need root."""
    if os.geteuid() != 0:
        raise RehearsalError("The rehearsal makes bridges and loop devices: run it as root (sudo).")


def check(settings: Settings) -> None:
    """Everything ``up`` needs."""
