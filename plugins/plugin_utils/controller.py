# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What action plugins share that do a task's work on the controller."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ControllerAction(ActionBase):  # type: ignore[misc]
    """A task that runs where Ansible does, in check mode as well."""

    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def task_environment(self) -> dict[str, str]:
        """The variables of the task's ``environment``, which Ansible sets for modules only."""
        layers = self._templar.template(self._task.environment or [])
        return {name: str(value) for layer in layers for name, value in (layer or {}).items()}
