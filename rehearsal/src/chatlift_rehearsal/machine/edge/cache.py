"""What a distribution's proxy has cached, and how an invalidation empties it."""

from __future__ import annotations

import re
from pathlib import Path

# A cache file begins with nginx's own header, in which the key has a line.
_KEY = re.compile(rb"^KEY: (\S*)", re.M)
_HEADER_BYTES = 16384


def forget(cache: Path, paths: tuple[str, ...]) -> int:
    """Delete the entries that an invalidation's paths name, and return how many there were.

    A path may end with ``*``, which stands for anything, and may have a query string, which is
    not looked at: more is forgotten than was asked for.
    """
    expressions = [_expression(path) for path in paths]
    count = 0
    for entry in cache.rglob("*"):
        key = _key(entry)
        if key is not None and any(expression.match(key) for expression in expressions):
            entry.unlink(missing_ok=True)
            count += 1
    return count


def _key(entry: Path) -> str | None:
    """The path an entry was cached for; None for what is none, or has gone since."""
    try:
        with entry.open("rb") as file:
            found = _KEY.search(file.read(_HEADER_BYTES))
    except OSError:
        return None
    return found.group(1).decode(errors="replace") if found else None


def _expression(path: str) -> re.Pattern[str]:
    anchored = "/" + path.partition("?")[0].removeprefix("/")
    prefix = re.escape(anchored.removesuffix("*"))
    return re.compile(prefix if anchored.endswith("*") else f"{prefix}$")
