#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check what was asked for, before anything is changed
version_added: 0.1.0
description:
  - Checks the stack's name, the network's range, the availability zones, the application's
    directory, and the members' names, number and spread over the zones.
  - Refuses variables that begin like a role's and that no role's specification knows, and names the
    closest one. Refuses values that a role's specification does not allow.
  - Reports everything that is wrong at once, each with what to write instead. Asks AWS nothing.
  - Runs on the controller.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  region:
    description: The region.
    type: str
    required: true
  cidr:
    description: The VPC's range.
    type: str
    required: true
  availability_zones:
    description: The availability zones, in the order of their letters.
    type: list
    elements: str
    required: true
  app_dir:
    description: Directory of the application on the controller.
    type: str
    required: true
  packer:
    description: Whether Packer is needed, and is to be there and new enough.
    type: bool
    default: false
  redis:
    description: Names of the Redis members.
    type: list
    elements: str
    required: true
  mysql:
    description: Names of the MySQL members.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Check the inventory
  chatlift.aws.preflight:
    stack: "{{ chatlift_stack }}"
    region: "{{ chatlift_region }}"
    cidr: "{{ chatlift_network_cidr }}"
    availability_zones: "{{ chatlift_availability_zones }}"
    app_dir: "{{ chatlift_app_dir }}"
    redis: "{{ groups.redis }}"
    mysql: "{{ groups.mysql }}"
"""

RETURN = r"""
problems:
  description: What is wrong, a sentence each.
  type: list
  elements: str
  returned: always
"""
