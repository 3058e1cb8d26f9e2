#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Tell what a playbook would change, by resource
version_added: 0.1.0
description:
  - Runs a playbook in check mode, with the options of the playbook that asks (inventory, variables,
    limit, tags), and tells what it would change.
  - Reports C(changed) if there is something; it changes nothing itself.
  - Fails if the playbook would fail as far as check mode can tell.
  - The modules of this collection tell each resource; of others the task is named.
  - Cannot ask for passwords; give those in files.
  - Runs on the controller.
requirements:
  - ansible.posix, for its callback C(json)
options:
  playbook:
    description: The playbook.
    type: path
    required: true
attributes:
  check_mode:
    description: The same as without.
    support: full
  diff_mode:
    description: The result is the difference.
    support: none
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: See what site.yml would do
  chatlift.aws.plan:
    playbook: "{{ playbook_dir }}/site.yml"
"""

RETURN = r"""
changes:
  description: What would change.
  type: list
  elements: dict
  returned: always
  contains:
    host:
      description: Host of the inventory.
      type: str
      sample: app-group
    resource:
      description: The resource, and the way to the value.
      type: str
      sample: group chatlift-demo-app MaxSize
    change:
      description: One of create, change, delete and bake.
      type: str
    before:
      description: What there is; of lists, what would go. A dash is nothing.
      type: str
      sample: "9"
    after:
      description: What there would be; of lists, what would come. A dash is nothing.
      type: str
      sample: "6"
"""
