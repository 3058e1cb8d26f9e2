# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking tiers how they are until they are whole, or can do without one member for a while."""

from __future__ import annotations

import time
from typing import Any, Iterable

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import succession
from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.member_reports import Member, Members
from ansible_collections.chatlift.aws.plugins.module_utils.resources import wait_until

# A member looks for a question once a second, but not while it mends itself, which takes longer.
ANSWER_SECONDS = 30.0
LOOK_SECONDS = 0.5

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "members": {"type": "list", "elements": "str", "required": True},
    "max_replication_lag": {"type": "float", "default": 1.0},
    "max_open_transaction_seconds": {"type": "float", "default": 15.0},
    "wait_timeout": {"type": "int", "default": 300},
}


class TierGate:
    """The members that a module was given, and its limits."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        params = module.params
        self.limits = succession.Limits(
            params["max_replication_lag"], params["max_open_transaction_seconds"]
        )
        for name in ("max_replication_lag", "max_open_transaction_seconds", "wait_timeout"):
            if params[name] < 0:
                raise ChatliftError(f"{name} is {params[name]:g}: write seconds, 0 or more.")
        self._timeout = params["wait_timeout"]
        self.members = Members(
            module.client("autoscaling"), module.client("ec2"), params["stack"], params["members"]
        )

    def ask(self) -> tuple[dict[str, Member], str]:
        """All members, as soon as those in service then have answered, and the question's id."""
        known = self.members.look()
        question = self.members.ask(known.values())
        asked = {one.instance_id for one in known.values() if one.in_service}
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            known = self.members.look()
            # Who has come into service meanwhile was not asked: no use to wait for its answer.
            silent = [
                one
                for one in known.values()
                if one.in_service and one.instance_id in asked and one.report.id != question
            ]
            if not silent or time.monotonic() >= deadline:
                return known, question
            time.sleep(LOOK_SECONDS)

    def wait(self, spare: str = "") -> dict[str, Member]:
        """Wait until every tier is whole, or that of ``spare`` can do without it.

        Raises:
            ChatliftError: It did not happen in time; says what stands in the way.
        """
        known, _troubles = wait_until(
            lambda: self._look(spare),
            lambda seen: not seen[1],
            what=f"{self._what(spare)}",
            timeout=self._timeout,
            describe=lambda seen: "; ".join(seen[1]) + ".",
        )
        return known

    def troubles(self, known: dict[str, Member], question: str | None, spare: str) -> list[str]:
        """What stands in the way in all tiers; see `succession.troubles`."""
        found = []
        for tier in succession.tiers(known).values():
            spared = spare if spare in tier else ""
            found += succession.troubles(tier, question, self.limits, spared)
        return found

    def _look(self, spare: str) -> tuple[dict[str, Member], list[str]]:
        known, question = self.ask()
        return known, self.troubles(known, question, spare)

    def _what(self, spare: str) -> str:
        if spare:
            return f"the other members to do without {spare} for a while"
        return "the members to be whole"


def facts(known: dict[str, Member]) -> dict[str, dict[str, Any]]:
    """The members as modules return them."""
    return {name: _facts(one) for name, one in known.items()}


def _facts(member: Member) -> dict[str, Any]:
    return {
        "instance_id": member.instance_id,
        "state": member.state,
        "zone": member.zone,
        "image_id": member.image_id,
        "launch_template_version": member.version,
        "wanted_version": member.wanted,
        "role": member.report.role,
        "healthy": member.report.healthy,
        "leader": member.report.leader,
    }


def tier_of(known: dict[str, Member], name: str) -> dict[str, Member]:
    """The members of the tier that ``name`` belongs to."""
    found: Iterable[dict[str, Member]] = succession.tiers(known).values()
    return next((tier for tier in found if name in tier), {})
