# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible_collections.chatlift.aws.plugins.module_utils import layout


def _readable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A wrong name or range fails the task with its sentence, without a traceback."""

    def wrapped(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ValueError as error:
            raise AnsibleFilterError(str(error)) from error

    return wrapped


class FilterModule:
    """Names and addresses of members, from the inventory alone."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "members": _readable(layout.members),
            "member_address": _readable(layout.member_address),
            "member_zone": _readable(layout.member_zone),
        }
