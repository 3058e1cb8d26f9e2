"""Asks targets whether they are well, as a load balancer does."""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from chatlift_rehearsal.controllers.health import Health, TargetRecord, status_matches
from chatlift_rehearsal.model import Target, TargetGroupView

CHECKERS = 8


@dataclass
class _Checked:
    """A target under observation; ``due`` is when it is asked next."""

    due: float
    record: TargetRecord = field(default_factory=TargetRecord)
    asking: bool = False


class HealthChecks:
    """The health of every target of the groups given to the last ``turn``."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(CHECKERS, thread_name_prefix="health")
        self._checked: dict[tuple[str, Target], _Checked] = {}

    def turn(self, groups: Iterable[tuple[TargetGroupView, str]], now: float) -> None:
        """Ask the targets that are due at ``now`` (seconds); answers come in later.

        Each group comes with the address of a load balancer's node, which is who asks: the targets'
        security groups see it.
        """
        present = {
            (group.arn, target): (group, node) for group, node in groups for target in group.targets
        }
        self._checked = {key: self._checked.get(key) or _Checked(due=now) for key in present}
        for (arn, target), checked in self._checked.items():
            if checked.due <= now and not checked.asking:
                group, node = present[arn, target]
                checked.asking = True
                checked.due = now + group.check_interval
                self._pool.submit(_ask, group, node, target, checked)

    def health(self) -> Mapping[str, Mapping[Target, Health]]:
        """What is known now, by the ARN of the target group."""
        found: dict[str, dict[Target, Health]] = {}
        for (arn, target), checked in self._checked.items():
            found.setdefault(arn, {})[target] = checked.record.health
        return found

    def stop(self) -> None:
        """Ask nobody any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _ask(group: TargetGroupView, node: str, target: Target, checked: _Checked) -> None:
    try:
        passed = passes(group, target, node)
        checked.record = checked.record.after(
            passed, group.healthy_threshold, group.unhealthy_threshold
        )
    finally:
        checked.asking = False


def passes(group: TargetGroupView, target: Target, node: str) -> bool:
    """Whether one check of a target from a node's address succeeds."""
    port = group.check_port or target.port
    connection = http.client.HTTPConnection(
        target.address, port, timeout=group.check_timeout, source_address=(node, 0)
    )
    try:
        connection.request("GET", group.check_path, headers={"User-Agent": "ELB-HealthChecker/2.0"})
        return status_matches(connection.getresponse().status, group.check_matcher)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
