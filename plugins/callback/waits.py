# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
name: waits
type: aggregate
short_description: Shows the longest chain of waits that a run could not avoid
version_added: 0.1.0
description:
  - At the end of a run, shows the longest chain of waits of which each needs the one before, as the
    modules of this collection report them, and how much longer the run took than that.
  - Shows nothing when nothing was waited for.
requirements:
  - enable in configuration, C(callbacks_enabled = chatlift.aws.waits)
author:
  - The chatlift authors (@chatlift)
"""

import time
from typing import Any

from ansible.executor.stats import AggregateStats
from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook import Playbook
from ansible.plugins.callback import CallbackBase
from ansible_collections.chatlift.aws.plugins.module_utils.waits import longest_chain


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects what modules return as ``waits``."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "chatlift.aws.waits"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = time.time()
        self._waits: list[dict[str, Any]] = []

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        self._began = time.time()

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        # What was begun before this run is not this run's wait.
        self._waits += [
            one for one in result.result.get("waits") or [] if one["began"] >= self._began
        ]

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        chain = longest_chain(self._waits)
        total = sum(link.seconds for link in chain)
        if total < 1:
            return
        whole = time.time() - self._began
        links = " -> ".join(f"{link.name} {link.seconds:.0f} s" for link in chain)
        self._display.banner("LONGEST CHAIN OF WAITS")
        self._display.display(
            f"{links}: {total:.0f} s. The run took {whole:.0f} s, {whole / total:.2f} times that."
        )
