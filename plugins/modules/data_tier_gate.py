#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: data_tier_gate
short_description: Wait until Redis and MySQL can do without a member
version_added: 0.1.0
description:
  - Asks the members of one or more stateful tiers how they are, and waits until they are whole.
    Every member is in service and in good standing, each follows one that leads, no slot is without
    a master, and nobody lags behind.
  - With O(spare) it waits until the others are so, and can do without that member for a while.
  - Nothing connects to an instance. The question is a tag of it, C(chatlift:request), and the
    answer another one, C(chatlift:report), which carries the question's id, so that no old report
    is taken for the present.
  - Also tells which members do not run what their groups want, and in which order to replace them.
    M(chatlift.aws.member_instance) replaces one.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  members:
    description: All members of the tiers in question.
    type: list
    elements: str
    required: true
  spare:
    description:
      - The member that is about to be taken away.
      - When it leads, it has to have a successor in good standing, and no client may have had a
        transaction open for longer than O(max_open_transaction_seconds).
    type: str
    default: ""
  max_replication_lag:
    description: Seconds that a member may lag behind the one that leads.
    type: float
    default: 1.0
  max_open_transaction_seconds:
    description: >-
      Seconds for which a client of MySQL may have had a transaction open when its server is to hand
      over, which ends the transaction. A backup is such a client.
    type: float
    default: 15.0
  wait:
    description: Wait. Without, the members are asked once, and what stands in the way is returned.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 300
  replace:
    description: The members that RV(plan) may name. Left out, all O(members).
    type: list
    elements: str
  replace_always:
    description: Whether RV(plan) names members that run the right version already.
    type: bool
    default: false
  versions:
    description: >-
      The launch template version that each member should run, by name. Left out, the one that its
      group wants.
    type: dict
    default: {}
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: >-
      Asks nobody and waits for nothing: tells what the members said last, and RV(troubles).
    support: full
  diff_mode:
    description: A question is not a change.
    support: none
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Wait until MySQL can do without mysql-b1
  chatlift.aws.data_tier_gate:
    stack: demo
    members: [mysql-a1, mysql-b1, mysql-c1]
    spare: mysql-b1

- name: See which members are to be replaced, in which order
  chatlift.aws.data_tier_gate:
    stack: demo
    members: "{{ groups.members }}"
    replace: "{{ ansible_play_hosts_all }}"
    wait: false
  register: seen
  run_once: true
"""

RETURN = r"""
members:
  description: The members by name.
  type: dict
  returned: always
  contains:
    instance_id:
      description: Its instance; empty while there is none.
      type: str
    state:
      description: The lifecycle state of its instance, such as C(InService).
      type: str
    zone:
      description: Its availability zone.
      type: str
    image_id:
      description: The AMI that it runs.
      type: str
    launch_template_version:
      description: The version that it runs.
      type: str
    wanted_version:
      description: The version that its next instance runs.
      type: str
    role:
      description: V(primary), V(replica) or V(unknown).
      type: str
    healthy:
      description: Whether it is in good standing.
      type: bool
    leader:
      description: The member that leads its shard or group, itself maybe.
      type: str
successor:
  description: Who should lead in the place of O(spare); empty when that does not lead.
  type: str
  returned: always
  sample: mysql-c1
plan:
  description: >-
    The members to replace, in this order: those not in service, replicas, leaders. Each as
    C(member), its C(role), C(hand_over_to) when it leads, and the C(reason).
  type: list
  elements: dict
  returned: always
troubles:
  description: What stands in the way, when that was not waited for.
  type: list
  elements: str
  returned: always
"""

from dataclasses import asdict

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import succession
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.member_reports import Member
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run
from ansible_collections.chatlift.aws.plugins.module_utils.tier_gate import (
    ARGUMENTS,
    TierGate,
    facts,
    tier_of,
)

OWN_ARGUMENTS = {
    "wait": {"type": "bool", "default": True},
    "spare": {"type": "str", "default": ""},
    "replace": {"type": "list", "elements": "str"},
    "replace_always": {"type": "bool", "default": False},
    "versions": {"type": "dict", "default": {}},
}


def pass_gate(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    spare = params["spare"]
    if spare and spare not in params["members"]:
        raise ChatliftError(f"{spare} is none of the members {', '.join(params['members'])}.")
    gate = TierGate(module)
    if params["wait"] and not changes.check_mode:
        known, troubles = gate.wait(spare), []
    else:
        known, question = (gate.members.look(), None) if changes.check_mode else gate.ask()
        troubles = gate.troubles(known, question, spare)
    steps = _plan(params, known)
    successor = ""
    if spare and known[spare].leads:
        outdated = [step.member for step in steps]
        successor = succession.successor(tier_of(known, spare), spare, outdated)
    return {
        "members": facts(known),
        "successor": successor,
        "plan": [asdict(step) for step in steps],
        "troubles": troubles,
    }


def _plan(params: dict, known: dict[str, Member]) -> list[succession.Step]:
    chosen = params["members"] if params["replace"] is None else params["replace"]
    return [
        step
        for tier in succession.tiers(known).values()
        for step in succession.plan(tier, params["versions"], chosen, params["replace_always"])
    ]


def main() -> None:
    arguments = {**ARGUMENTS, **OWN_ARGUMENTS}
    run(AnsibleAWSModule(argument_spec=arguments, supports_check_mode=True), pass_gate)


if __name__ == "__main__":
    main()
