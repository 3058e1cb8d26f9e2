#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: app_group
short_description: The Auto Scaling group of the stateless app tier
version_added: 0.1.0
description:
  - Makes the numbered launch template version and the Auto Scaling group of the app tier, with both
    lifecycle hooks, metrics and target tracking policies, over all app subnets and behind target
    groups.
  - A change of image, instance type or settings becomes a new launch template version. The group
    and its instances keep the one they have, and a warning says so, until an instance refresh
    replaces them (M(chatlift.aws.instance_refresh)); otherwise that could not go back. A group of
    which no instance is in service gets the new version at once.
  - The capacity between the sizes is left to scaling policies. A new group starts with O(min_size).
  - Instances of a warm pool keep the launch template version that they were prepared with, until an
    instance refresh replaces them or they are terminated.
options:
  stack:
    description: Name of the stack. The group is named C(chatlift-<stack>-app).
    type: str
    required: true
  state:
    description: Whether the group exists. V(absent) ends its instances.
    type: str
    choices: [present, absent]
    default: present
  zones:
    description: How many zones, from letter a on, the group spreads over.
    type: int
    default: 3
  image_id:
    description:
      - The AMI to launch.
      - Left out, O(default_image_id), or else the newest available AMI of this account tagged
        C(chatlift:image=node).
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
  other_instance_types:
    description:
      - Types to take where O(instance_type) is not to be had, in this order, or for spot instances
        where they are cheaper.
    type: list
    elements: str
    default: []
  on_demand_base:
    description: How many instances are no spot instances, whatever O(on_demand_percentage) says.
    type: int
    default: 0
  on_demand_percentage:
    description: >-
      How many of the instances beyond O(on_demand_base) are no spot instances, in percent. With
      less than 100, spot instances at risk are replaced before AWS takes them back.
    type: int
    default: 100
  kms_key_id:
    description: >-
      Key that encrypts root volumes, instead of the account's default for EBS. Its policy has to
      let Auto Scaling's service-linked role use it.
    type: str
  detailed_monitoring:
    description: Whether EC2's metrics come every minute (for a fee) rather than every five.
    type: bool
    default: true
  min_size:
    description: Smallest number of instances.
    type: int
    default: 3
  max_size:
    description: Largest number of instances.
    type: int
    default: 6
  min_healthy_percentage:
    description: >-
      The least instances, in percent of the capacity, while instances are replaced. V(100) launches
      an instance before the one it replaces ends.
    type: int
    default: 100
  max_healthy_percentage:
    description: The most instances, in percent of the capacity, while instances are replaced.
    type: int
    default: 200
  instance_warmup:
    description: Seconds after which the metrics of a new instance are typical.
    type: int
    default: 120
  termination_policies:
    description: Which instance of the fullest zone ends when the group shrinks.
    type: list
    elements: str
    default: [OldestLaunchTemplate, OldestInstance]
  cpu_target:
    description: The group grows and shrinks to keep this average CPU use, in percent. 0 for not.
    type: float
    default: 60
  connections_target:
    description: >-
      The group grows and shrinks to keep this average number of open connections an instance. 0 for
      not.
    type: float
    default: 0
  warm_pool:
    description:
      - Whether instances are prepared before the group grows, and wait beside it. V(stopped) ones
        cost their volumes only, V(running) ones as much as those in service.
      - V(none) deletes the pool and ends its instances. AWS has no warm pools of spot instances.
    type: str
    choices: [none, stopped, running]
    default: none
  warm_pool_min_size:
    description: How many instances wait at least, however large the group is.
    type: int
    default: 0
  warm_pool_max_prepared_capacity:
    description: >-
      How many instances there are in the group and in the pool together, where that is more than
      O(warm_pool_min_size) asks for. V(-1) is O(max_size).
    type: int
    default: -1
  target_group_arns:
    description: The target groups that the instances are registered in; others are detached.
    type: list
    elements: str
    default: []
  settings:
    description: >-
      What the instance is told beside what this module knows, in /etc/chatlift/instance.json:
      C(endpoint_url), C(redis), C(mysql), C(mysql_group_name), C(redis_topology). Never a
      secret.
    type: dict
    default: {}
  grace_period:
    description: Seconds after the launch in which a failed load balancer check replaces nothing.
    type: int
    default: 60
  launch_timeout:
    description: Seconds an instance has to be ready before the launch is given up.
    type: int
    default: 600
  terminate_timeout:
    description: Seconds an instance has to let its connections go.
    type: int
    default: 600
  delete_timeout:
    description: Seconds to wait for group and instances to be gone when O(state=absent).
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
- name: Run three instances behind the load balancer
  chatlift.aws.app_group:
    stack: demo
    instance_type: c7g.large
    max_size: 12
    connections_target: 5000
    warm_pool: stopped
    warm_pool_min_size: 1
    warm_pool_max_prepared_capacity: 4
    target_group_arns: ["{{ target_group.target_group_arn }}"]
    settings:
      endpoint_url: ""
      redis: "{{ groups.redis | chatlift.aws.members('10.42.0.0/16') }}"
      mysql: "{{ groups.mysql | chatlift.aws.members('10.42.0.0/16') }}"
      mysql_group_name: "{{ 'demo' | ansible.builtin.to_uuid }}"
      redis_topology: cluster

- name: End them
  chatlift.aws.app_group:
    stack: demo
    state: absent
"""

RETURN = r"""
group:
  description: Name of the Auto Scaling group.
  type: str
  returned: always
  sample: chatlift-demo-app
launch_template_version:
  description: The numbered version with these settings.
  type: str
  returned: when present
  sample: "2"
group_version:
  description: The numbered version that the group launches.
  type: str
  returned: when present
  sample: "1"
image_id:
  description: The AMI of RV(launch_template_version).
  type: str
  returned: when present
  sample: ami-0123456789abcdef0
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import (
    launch_template,
    layout,
    scaling_group,
    scaling_policies,
    warm_pool,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.images import Choice
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    tag_specification,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import (
    run,
    secret_arn,
    security_group_id,
    subnet_ids,
)

TIER = "app"
IMAGE = "node"

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "zones": {"type": "int", "default": 3},
    "image_id": {"type": "str"},
    "default_image_id": {"type": "str"},
    "instance_type": {"type": "str"},
    "other_instance_types": {"type": "list", "elements": "str", "default": []},
    "on_demand_base": {"type": "int", "default": 0},
    "on_demand_percentage": {"type": "int", "default": 100},
    "kms_key_id": {"type": "str"},
    "detailed_monitoring": {"type": "bool", "default": True},
    "min_size": {"type": "int", "default": 3},
    "max_size": {"type": "int", "default": 6},
    "min_healthy_percentage": {"type": "int", "default": 100},
    "max_healthy_percentage": {"type": "int", "default": 200},
    "instance_warmup": {"type": "int", "default": 120},
    "termination_policies": {
        "type": "list",
        "elements": "str",
        "default": ["OldestLaunchTemplate", "OldestInstance"],
    },
    "cpu_target": {"type": "float", "default": 60},
    "connections_target": {"type": "float", "default": 0},
    "warm_pool": {"type": "str", "choices": ["none", "stopped", "running"], "default": "none"},
    "warm_pool_min_size": {"type": "int", "default": 0},
    "warm_pool_max_prepared_capacity": {"type": "int", "default": -1},
    "target_group_arns": {"type": "list", "elements": "str", "default": []},
    "settings": {"type": "dict", "default": {}},
    "grace_period": {"type": "int", "default": 60},
    "launch_timeout": {"type": "int", "default": 600},
    "terminate_timeout": {"type": "int", "default": 600},
    "delete_timeout": {"type": "int", "default": 600},
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    stack = params["stack"]
    name = layout.resource_name(stack, TIER)
    tags = layout.tags(stack, name, TIER)
    ec2 = module.client("ec2")

    autoscaling = module.client("autoscaling")
    choice = Choice(ec2, autoscaling, changes, IMAGE, name, module.warn, refreshed=True)
    image = choice.of(params["image_id"], params["default_image_id"])
    content = launch_template.data(
        name=name,
        tags=tags,
        image=image,
        instance_type=params["instance_type"],
        instance_profile=name,
        instance=launch_template.identity(
            stack=stack,
            region=module.region,
            tier=TIER,
            group=name,
            secret_arn=secret_arn(module.client("secretsmanager"), changes, stack, TIER),
            settings=params["settings"],
        ),
        kms_key_id=params["kms_key_id"],
    )
    content["Monitoring"] = {"Enabled": params["detailed_monitoring"]}
    content["TagSpecifications"] += tag_specification("network-interface", tags)
    content["SecurityGroupIds"] = [security_group_id(ec2, changes, stack, TIER)]
    version = launch_template.ensure(ec2, changes, name, content, tags)
    subnets = subnet_ids(
        ec2, changes, stack, [f"app-{az}" for az in layout.LETTERS[: params["zones"]]]
    )
    current = scaling_group.ensure(
        autoscaling,
        changes,
        scaling_group.Group(
            name=name,
            version=version,
            tags=tags,
            min_size=params["min_size"],
            max_size=params["max_size"],
            health_check_type="ELB",
            grace_period=params["grace_period"],
            launch_timeout=params["launch_timeout"],
            terminate_timeout=params["terminate_timeout"],
            healthy_percentages=(
                params["min_healthy_percentage"],
                params["max_healthy_percentage"],
            ),
            warmup=params["instance_warmup"],
            subnets=tuple(subnets),
            target_group_arns=tuple(params["target_group_arns"]),
            termination_policies=tuple(params["termination_policies"]),
            mixed_instances=_mixed_instances(params),
            warm_pool=_warm_pool(params),
            keeps_version=True,
            policies={
                **scaling_policies.cpu(params["cpu_target"]),
                **scaling_policies.connections(params["connections_target"], stack, TIER, name),
            },
        ),
    )
    if current.number != version.number:
        module.warn(
            f"The group {name} stays with version {current.number} of its launch template until"
            f" playbooks/rolling_deploy.yml replaces its instances with version {version.number}."
        )
    return {
        "group": name,
        "launch_template_version": version.number,
        "group_version": current.number,
        "image_id": image.id,
    }


def _mixed_instances(params: dict) -> scaling_group.MixedInstances | None:
    """None when there is nothing to mix: one type, and no spot instances."""
    if not params["other_instance_types"] and params["on_demand_percentage"] == 100:
        return None
    return scaling_group.MixedInstances(
        (params["instance_type"], *params["other_instance_types"]),
        params["on_demand_base"],
        params["on_demand_percentage"],
    )


def _warm_pool(params: dict) -> warm_pool.WarmPool | None:
    if params["warm_pool"] == "none":
        return None
    return warm_pool.WarmPool(
        params["warm_pool"].capitalize(),
        params["warm_pool_min_size"],
        params["warm_pool_max_prepared_capacity"],
    )


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    name = layout.resource_name(module.params["stack"], TIER)
    ec2 = module.client("ec2")
    scaling_group.delete(
        module.client("autoscaling"), ec2, changes, name, module.params["delete_timeout"]
    )
    launch_template.delete(ec2, changes, name)
    return {"group": name}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["instance_type"])],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
