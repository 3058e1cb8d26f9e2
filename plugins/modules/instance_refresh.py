#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_refresh
short_description: Replace the instances of an Auto Scaling group by another launch template version
version_added: 0.1.0
description:
  - Starts an instance refresh with a desired configuration, waits for it and shows how far it is.
    The group gets the new version when all of its instances have it, and until then AWS can roll
    back to what it had.
  - Does nothing when the group has the version and no instance has another, those of a warm pool
    included.
  - A refresh to the same version that is under way already, of an earlier run that was interrupted
    for example, is waited for. One to anything else is left alone, and refused.
  - Gives up after O(max_failures) new instances that did not come into service or failed a health
    check. AWS itself goes on trying for an hour.
  - Notes the version that the group had before in its tag C(chatlift:version-before).
options:
  name:
    description: Name of the Auto Scaling group.
    type: str
    required: true
  region:
    description: Region of the group. Left out, that of the environment.
    type: str
  state:
    description:
      - V(started) brings the group to O(launch_template).
      - V(rolled_back) brings it back. A refresh that is under way is rolled back. Without one, the
        group is refreshed to O(launch_template), or else to the version that it had before the last
        V(started).
      - V(cancelled) ends a refresh that is under way and leaves the group with old and new
        instances.
    type: str
    choices: [started, rolled_back, cancelled]
    default: started
  launch_template:
    description: The version to run. Required when O(state=started).
    type: dict
    suboptions:
      id:
        description: Id of the launch template. Either this or O(launch_template.name) is required.
        type: str
      name:
        description: Name of the launch template.
        type: str
      version:
        description: >-
          Number of the version. V($Latest) and V($Default) are refused, for nobody could go back to
          them.
        type: str
        required: true
  min_healthy_percentage:
    description: >-
      The least instances that are ready, in percent of the capacity. V(100) launches an instance
      before the one it replaces ends.
    type: int
    default: 100
  max_healthy_percentage:
    description: >-
      The most instances, in percent of the capacity, which is how many are replaced at once; at
      least one is.
    type: int
    default: 110
  instance_warmup:
    description: >-
      Seconds after which a new instance counts as ready. Left out, the group's default instance
      warm-up.
    type: int
  checkpoint_percentages:
    description: >-
      Percentages of the group at which to pause. The refresh ends at the last one, so that it
      should be 100.
    type: list
    elements: int
    default: []
  checkpoint_delay:
    description: Seconds to pause at each of O(checkpoint_percentages) but the last.
    type: int
    default: 3600
  bake_time:
    description: Seconds for which O(alarms) are still watched when all instances are replaced.
    type: int
    default: 0
  alarms:
    description: >-
      CloudWatch alarms, up to ten, that end the refresh. All have to be OK when it starts. They do
      not hold up O(state=rolled_back).
    type: list
    elements: str
    default: []
  auto_rollback:
    description: >-
      Whether a refresh that fails is rolled back. Otherwise it stays as it is, with old and new
      instances.
    type: bool
    default: true
  skip_matching:
    description: Whether instances that have the version already are left alone.
    type: bool
    default: true
  scale_in_protected_instances:
    description: >-
      What to do with instances that are protected from scale in: V(refresh) replaces them,
      V(ignore) leaves them as they are, V(wait) fails when they are still protected after an hour.
    type: str
    choices: [refresh, ignore, wait]
    default: wait
  standby_instances:
    description: >-
      What to do with instances in standby: V(terminate) ends them, V(ignore) leaves them as they
      are, V(wait) fails when they are still in standby after an hour.
    type: str
    choices: [terminate, ignore, wait]
    default: wait
  max_failures:
    description: >-
      After how many failed new instances to give up, which is to roll back, or without
      O(auto_rollback) to cancel. 0 leaves it to AWS.
    type: int
    default: 3
  wait:
    description: Whether to wait until the refresh has ended. Without that, nothing counts failures.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait. The refresh itself goes on.
    type: int
    default: 7200
author:
  - The chatlift authors (@chatlift)
attributes:
  check_mode:
    support: full
    description: Says which instances would be replaced.
  diff_mode:
    support: full
    description: Shows the version of the group, and of each instance that is replaced.
requirements:
  - boto3
notes:
  - Everything runs on the controller, with the environment of the task.
"""

EXAMPLES = r"""
- name: Roll out a release, watched by an alarm
  chatlift.aws.instance_refresh:
    name: chatlift-demo-app
    launch_template:
      name: chatlift-demo-app
      version: "7"
    alarms: [chatlift-demo-serving]
    bake_time: 300

- name: See which instances that would replace
  chatlift.aws.instance_refresh:
    name: chatlift-demo-app
    launch_template:
      name: chatlift-demo-app
      version: "7"
  check_mode: true

- name: Try it on a fifth of the group for ten minutes first
  chatlift.aws.instance_refresh:
    name: chatlift-demo-app
    launch_template:
      name: chatlift-demo-app
      version: "7"
    checkpoint_percentages: [20, 100]
    checkpoint_delay: 600

- name: Go back, whether or not it is still under way
  chatlift.aws.instance_refresh:
    name: chatlift-demo-app
    state: rolled_back
"""

RETURN = r"""
replaced:
  description: The instances that are, or would be, replaced.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Id of the instance.
      type: str
      sample: i-0123456789abcdef0
    zone:
      description: Its availability zone.
      type: str
    state:
      description: Its lifecycle state.
      type: str
      sample: InService
    launch_template_version:
      description: The version that it was launched from.
      type: str
      sample: "6"
    protected:
      description: Whether it is protected from scale in.
      type: bool
undone_image:
  description: >-
    The image that the group was led back from, by whomever, to another one. To note it keeps it
    from being rolled out again by those who take the newest.
  returned: when there is one
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    at:
      description: When the refresh ended that led back.
      type: str
refresh:
  description: The refresh.
  returned: when there was one
  type: dict
  contains:
    id:
      description: Its id.
      type: str
    status:
      description: Its status, as AWS names it.
      type: str
      sample: Successful
    reason:
      description: Why that is its status.
      type: str
    percentage_complete:
      description: How many instances were replaced, in percent of the capacity.
      type: int
    instances_to_update:
      description: How many were not.
      type: int
    began:
      description: When it began.
      type: str
    ended:
      description: When it ended, if it has.
      type: str
history:
  description: What happened to each instance, the oldest first.
  returned: when a refresh was waited for
  type: list
  elements: dict
  contains:
    instance_id:
      description: Id of the instance; empty when none could be launched.
      type: str
    event:
      description: V(launch) or V(termination).
      type: str
    status:
      description: How it ended, as AWS names it.
      type: str
      sample: Successful
    began:
      description: When it began.
      type: str
    ended:
      description: When it ended. A launch ends when the instance is in service.
      type: str
    seconds:
      description: How long it took.
      type: float
    reason:
      description: Why it failed, or why it happened.
      type: str
seconds:
  description: >-
    Where the time went: C(launch) while an instance was launched, else C(leave) while one left,
    else C(wait) for warm-ups, checkpoints and bake time; C(total) is their sum.
  returned: when the refresh has ended
  type: dict
  sample: {launch: 96.2, leave: 21.4, wait: 372.0, total: 489.6}
"""
