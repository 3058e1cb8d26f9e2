#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: switchover
short_description: Hand the leadership of a shard or group to a member
version_added: 0.1.0
description:
  - Lets a member of Redis or MySQL lead in the place of the one that does, without losing a write,
    and waits until all members of its tier say that it leads.
  - Before that it waits until the tier is whole, as M(chatlift.aws.data_tier_gate) does with the
    present leader as the member to be spared.
  - Asks the member by a tag of its instance, C(chatlift:request). A member that is not in sync
    refuses, changes nothing, and says why.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  leader:
    description: The member that is to lead.
    type: str
    required: true
  members:
    description: All members of its tier.
    type: list
    elements: str
    required: true
  max_replication_lag:
    description: Seconds that a member may lag behind the one that leads.
    type: float
    default: 1.0
  max_open_transaction_seconds:
    description: >-
      Seconds for which a client of MySQL may have had a transaction open. Those that are open when
      the leadership goes over are ended.
    type: float
    default: 15.0
  wait_timeout:
    description: Seconds to wait for the tier to be whole, before, and again afterwards.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Asks nobody; tells from what the members said last whether it would change hands.
    support: full
  diff_mode:
    description: Shows who leads before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Let mysql-b1 lead
  chatlift.aws.switchover:
    stack: demo
    leader: mysql-b1
    members: "{{ groups.mysql }}"
"""

RETURN = r"""
leader:
  description: Who leads.
  type: str
  returned: always
  sample: mysql-b1
before:
  description: Who led before.
  type: str
  returned: always
  sample: mysql-a1
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.member_reports import (
    PICKED_UP_SECONDS,
    Member,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import wait_until
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run
from ansible_collections.chatlift.aws.plugins.module_utils.tier_gate import ARGUMENTS, TierGate

# The member itself gives up after 30 s.
DONE_SECONDS = PICKED_UP_SECONDS + 45


def hand_over(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    name = params["leader"]
    if name not in params["members"]:
        raise ChatliftError(f"{name} is none of the members {', '.join(params['members'])}.")
    gate = TierGate(module)
    known, question = (gate.members.look(), None) if changes.check_mode else gate.ask()
    own = known[name]
    is_heard = question is None or (own.in_service and own.report.id == question)
    if own.report.leader == name and not is_heard:
        known = gate.wait()  # it led when it said so, which may be long ago
    before = known[name].report.leader
    if before != name:
        if before not in known:
            said = known[name].report.said or f"it is {known[name].state}"
            raise ChatliftError(f"{name} follows nobody that it could replace: {said}.")
        if not changes.check_mode:
            known = gate.wait(spare=before)
        changes.apply("leader", before, name, _let_lead, gate=gate, member=known[name])
    return {"leader": name, "before": before}


def _let_lead(gate: TierGate, member: Member) -> None:
    question = gate.members.ask([member], "lead")

    def answer() -> Member:
        return gate.members.look()[member.name]

    answered = wait_until(
        answer,
        lambda seen: seen.report.id == question,
        what=f"{member.name} to lead",
        timeout=DONE_SECONDS,
        interval=0.5,
        describe=lambda seen: f"{seen.state}, {seen.report.role}, and no answer to the request.",
    )
    if answered.report.answer != "done":
        raise ChatliftError(
            f"{member.name} does not lead ({answered.report.answer}): {answered.report.said}"
        )
    _wait_until_all_agree(gate, member.name)


def _wait_until_all_agree(gate: TierGate, name: str) -> None:
    known = gate.wait()
    if known[name].report.leader != name:
        raise ChatliftError(
            f"{name} led for a moment, but {known[name].report.leader} does again:"
            f" see the journals of both."
        )


def main() -> None:
    arguments = {**ARGUMENTS, "leader": {"type": "str", "required": True}}
    run(AnsibleAWSModule(argument_spec=arguments, supports_check_mode=True), hand_over)


if __name__ == "__main__":
    main()
