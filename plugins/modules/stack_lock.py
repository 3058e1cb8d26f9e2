#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_lock
short_description: Keep everybody else from changing a stack while this playbook runs
version_added: 0.1.0
description:
  - Takes the lock of a stack, the SSM parameter C(/chatlift/<stack>/lock), or fails and says who
    has it since when.
  - A process of its own holds the lock until the controller has ended, whether well, with a failure
    or killed. It ends what a killed controller's workers were doing before it gives up the lock.
  - The lock of a machine that went away expires after 45 seconds, which the next run waits for.
  - Taken once more by the same controller, it stays as it is.
  - Runs on the controller, with boto3 of the Python that runs Ansible.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  region:
    description: The region.
    type: str
    required: true
attributes:
  check_mode:
    description: Takes no lock, for check mode changes nothing that another run could undo.
    support: full
  diff_mode:
    description: A lock is not a change.
    support: none
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Be the only one who changes the stack
  chatlift.aws.stack_lock:
    stack: "{{ chatlift_stack }}"
    region: "{{ chatlift_region }}"
"""

RETURN = r""" # """
