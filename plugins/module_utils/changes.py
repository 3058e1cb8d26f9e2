# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module found different, and what it did about it."""

from __future__ import annotations

from typing import Any, Callable

# Stands for the id of a thing that check mode did not make.
UNKNOWN = "(known after apply)"


class ChatliftError(Exception):
    """A sentence for the operator: what is wrong, where, and what to do."""


class Changes:
    """Carries out changes, or only writes them down in check mode; either way keeps the diff."""

    def __init__(self, check_mode: bool) -> None:
        self.check_mode = check_mode
        self._before: dict[str, Any] = {}
        self._after: dict[str, Any] = {}

    @property
    def changed(self) -> bool:
        return bool(self._before)

    @property
    def diff(self) -> dict[str, Any]:
        return {"before": self._before, "after": self._after}

    def apply(
        self, what: str, before: Any, after: Any, call: Callable[..., Any], /, **arguments: Any
    ) -> Any:
        """Note that ``what`` goes from ``before`` to ``after`` and, unless in check mode, do it.

        Returns:
            What ``call`` returned; in check mode an empty dictionary.
        """
        self._before[what] = before
        self._after[what] = after
        return {} if self.check_mode else call(**arguments)
