"""An operator's explicit order to start the group from this member, whatever the others have.

It is a file on tmpfs: no order outlives the instance, and none is obeyed twice.
"""

from __future__ import annotations

from pathlib import Path

from .tier import RUN


def order(reason: str, run: Path = RUN) -> None:
    """Ask the running agent to start the group from this member as soon as no group is running.

    ``reason`` goes to the journal, with the name of whoever gave it.
    """
    _path(run).write_text(reason, encoding="utf-8")


def ordered(run: Path) -> str | None:
    """The reason of an order that has not been obeyed yet."""
    try:
        return _path(run).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def done(run: Path) -> None:
    """Forget the order."""
    _path(run).unlink(missing_ok=True)


def _path(run: Path) -> Path:
    return run / "force-bootstrap"
