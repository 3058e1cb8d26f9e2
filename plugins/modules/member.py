#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: member
short_description: One durable place in a stateful tier
version_added: 0.1.0
description:
  - Makes a member of a stateful tier out of a network interface with a fixed address, a data
    volume, a numbered launch template version and an Auto Scaling group of size one with both
    lifecycle hooks.
  - The instance under a member is disposable. A change of image, instance type or settings is
    recorded as a new launch template version and in the group; the running instance stays until
    something replaces it.
  - Names follow the stack and the member, C(chatlift-<stack>-<member>), and everything is found
    again by its tags.
  - Returns as soon as the group exists. M(chatlift.aws.group_info) waits for instances.
options:
  name:
    description: The member, as tier, letter of its zone and ordinal, such as C(redis-a1).
    type: str
    required: true
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description:
      - V(absent) ends the instance and deletes group, launch template and network interface.
      - The data volume stays, and V(present) takes it up again, unless O(delete_volume=true).
    type: str
    choices: [present, absent]
    default: present
  availability_zone:
    description: The member's availability zone. Required when O(state=present).
    type: str
  address:
    description: The member's fixed private address. Required when O(state=present).
    type: str
  image_id:
    description:
      - The AMI to launch.
      - Left out, O(default_image_id), or else the newest available AMI of this account tagged
        C(chatlift:image=<tier>).
      - To name one that was undone replaces its tag C(chatlift:undone) by C(chatlift:named).
    type: str
  default_image_id:
    description: >-
      The AMI to take where none is named, such as one that was just baked. One that was undone (it
      has the tag C(chatlift:undone)) is passed over with a warning, and so is a newest one, unless
      the group has it.
    type: str
  instance_type:
    description: The instance type. Required when O(state=present).
    type: str
  volume:
    description: The data volume, always encrypted. Required when O(state=present).
    type: dict
    suboptions:
      size:
        description: Size in GiB. It can grow, never shrink.
        type: int
        required: true
      type:
        description: Volume type.
        type: str
        choices: [gp2, gp3, io1, io2]
        default: gp3
      iops:
        description: Provisioned operations a second.
        type: int
      throughput:
        description: Provisioned throughput in MiB/s.
        type: int
      kms_key_id:
        description: >-
          Key that encrypts a new volume, and the root volumes of new instances, instead of the
          account's default for EBS. Its policy has to let Auto Scaling's service-linked role use
          it.
        type: str
  settings:
    description: >-
      What the instance is told beside what this module knows, in /etc/chatlift/instance.json:
      C(endpoint_url), C(redis), C(mysql), C(mysql_group_name), C(redis_topology). Never a
      secret.
    type: dict
    default: {}
  launch_timeout:
    description: Seconds an instance has to become its member before the launch is given up.
    type: int
    default: 900
  terminate_timeout:
    description: Seconds an instance has to hand over and leave.
    type: int
    default: 900
  final_snapshot:
    description: >-
      With O(state=absent), take a snapshot of the data volume when the instance has ended, and wait
      until it is complete. Taken once for each time that the member is ended.
    type: bool
    default: true
  snapshot_retention_days:
    description: >-
      Days for which the final snapshot should be kept. It says so in its tag
      C(chatlift:retain-until); nothing deletes it.
    type: int
    default: 30
  snapshot_timeout:
    description: Seconds to wait for the final snapshot.
    type: int
    default: 3600
  delete_volume:
    description: With O(state=absent), delete the data volume too.
    type: bool
    default: false
  delete_timeout:
    description: Seconds to wait for group and instance to be gone when O(state=absent).
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows each resource before and after, the user data in clear (it holds no secret).
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Make the first Redis member of zone a
  chatlift.aws.member:
    name: redis-a1
    stack: demo
    availability_zone: eu-central-1a
    address: 10.42.32.11
    instance_type: r7g.large
    volume:
      size: 50
    settings:
      endpoint_url: ""
      redis: "{{ groups.redis | chatlift.aws.members('10.42.0.0/16') }}"
      mysql: []
      mysql_group_name: "{{ 'demo' | ansible.builtin.to_uuid }}"
      redis_topology: cluster

- name: Take it down, and keep its data
  chatlift.aws.member:
    name: redis-a1
    stack: demo
    state: absent
"""

RETURN = r"""
group:
  description: Name of the Auto Scaling group.
  type: str
  returned: always
  sample: chatlift-demo-redis-a1
launch_template_version:
  description: The numbered version in use.
  type: str
  returned: when present
  sample: "1"
image_id:
  description: The AMI that the next instance starts from.
  type: str
  returned: when present
  sample: ami-0123456789abcdef0
volume_id:
  description: The data volume.
  type: str
  returned: when present
  sample: vol-0123456789abcdef0
snapshot_id:
  description: The final snapshot, if there is one.
  type: str
  returned: when absent
  sample: snap-0123456789abcdef0
network_interface_id:
  description: The network interface.
  type: str
  returned: when present
  sample: eni-0123456789abcdef0
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import (
    data_volume,
    launch_template,
    layout,
    network_interface,
    scaling_group,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.images import Choice
from ansible_collections.chatlift.aws.plugins.module_utils.stack import (
    run,
    secret_arn,
    security_group_id,
    subnet_ids,
)

VOLUME_OPTIONS = {
    "size": {"type": "int", "required": True},
    "type": {"type": "str", "choices": ["gp2", "gp3", "io1", "io2"], "default": "gp3"},
    "iops": {"type": "int"},
    "throughput": {"type": "int"},
    "kms_key_id": {"type": "str"},
}

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "availability_zone": {"type": "str"},
    "address": {"type": "str"},
    "image_id": {"type": "str"},
    "default_image_id": {"type": "str"},
    "instance_type": {"type": "str"},
    "volume": {"type": "dict", "options": VOLUME_OPTIONS},
    "settings": {"type": "dict", "default": {}},
    "launch_timeout": {"type": "int", "default": 900},
    "terminate_timeout": {"type": "int", "default": 900},
    "final_snapshot": {"type": "bool", "default": True},
    "snapshot_retention_days": {"type": "int", "default": 30},
    "snapshot_timeout": {"type": "int", "default": 3600},
    "delete_volume": {"type": "bool", "default": False},
    "delete_timeout": {"type": "int", "default": 600},
}
# There is one address and one volume: a member's instance ends before the next one begins.
SUCCESSION = (0, 100)
NEEDED = ("availability_zone", "address", "instance_type", "volume")


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    stack = params["stack"]
    member = layout.parse_member(params["name"])
    name = layout.resource_name(stack, member.name)
    tags = layout.tags(stack, name, member.tier, member.name)
    ec2 = module.client("ec2")

    choice = Choice(ec2, module.client("autoscaling"), changes, member.tier, name, module.warn)
    image = choice.of(params["image_id"], params["default_image_id"])
    interface_id = network_interface.ensure(
        ec2,
        changes,
        stack,
        member.name,
        address=params["address"],
        subnet_id=subnet_ids(ec2, changes, stack, [f"data-{member.az}"])[0],
        group_id=security_group_id(ec2, changes, stack, member.tier),
        tags=tags,
    )
    volume_id = data_volume.ensure(
        ec2,
        changes,
        stack,
        member.name,
        params["availability_zone"],
        data_volume.Disk(**params["volume"]),
        tags,
    )
    content = launch_template.data(
        name=name,
        tags=tags,
        image=image,
        instance_type=params["instance_type"],
        instance_profile=name,
        instance=launch_template.identity(
            stack=stack,
            region=module.region,
            tier=member.tier,
            group=name,
            member=member.name,
            volume_id=volume_id,
            secret_arn=secret_arn(module.client("secretsmanager"), changes, stack, member.tier),
            settings=params["settings"],
        ),
        kms_key_id=params["volume"]["kms_key_id"],
    )
    content["NetworkInterfaces"] = [{"DeviceIndex": 0, "NetworkInterfaceId": interface_id}]
    version = launch_template.ensure(ec2, changes, name, content, tags)
    # With an interface in the template the group takes zones, not subnets:
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-launch-template.html
    scaling_group.ensure(
        module.client("autoscaling"),
        changes,
        scaling_group.Group(
            name=name,
            version=version,
            tags=tags,
            min_size=1,
            max_size=1,
            health_check_type="EC2",
            grace_period=0,
            launch_timeout=params["launch_timeout"],
            terminate_timeout=params["terminate_timeout"],
            healthy_percentages=SUCCESSION,
            zones=(params["availability_zone"],),
        ),
    )
    return {
        "group": name,
        "launch_template_version": version.number,
        "image_id": image.id,
        "volume_id": volume_id,
        "network_interface_id": interface_id,
    }


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    member = layout.parse_member(params["name"])
    name = layout.resource_name(params["stack"], member.name)
    ec2 = module.client("ec2")
    scaling_group.delete(module.client("autoscaling"), ec2, changes, name, params["delete_timeout"])
    launch_template.delete(ec2, changes, name)
    network_interface.delete(ec2, changes, params["stack"], member.name)
    snapshot_id = None
    if params["final_snapshot"]:
        snapshot_id = data_volume.take_final_snapshot(
            ec2,
            changes,
            params["stack"],
            member.name,
            layout.tags(params["stack"], name, member.tier, member.name),
            retention_days=params["snapshot_retention_days"],
            timeout=params["snapshot_timeout"],
        )
    if params["delete_volume"]:
        data_volume.delete(ec2, changes, params["stack"], member.name)
    return {"group": name, "snapshot_id": snapshot_id}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", NEEDED)],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
