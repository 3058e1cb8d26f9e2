#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: alarms
short_description: What a stack's operators are told, and what they look at
version_added: 0.1.0
description:
  - Keeps the CloudWatch alarms of a stack, the SNS topic that they tell, and a dashboard, all named
    C(chatlift-<stack>-...), as one.
  - Alarms of the stack, by their tag C(chatlift:stack), that are not wanted any more are deleted.
  - It takes one task for what would be dozens of those of the stock modules, which know no
    composite alarms and no dashboards.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Whether there are alarms, topic and dashboard.
    type: str
    choices: [present, absent]
    default: present
  alarms:
    description:
      - The metric alarms. Each tells the topic when it is raised and when it is over.
      - Values of the dimensions C(LoadBalancer) and C(TargetGroup) are names here; what CloudWatch
        calls them is found out.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name without C(chatlift-<stack>-).
        type: str
        required: true
      description:
        description: What is wrong, and what to do next.
        type: str
        required: true
      namespace:
        description: The metric's namespace.
        type: str
        default: chatlift
      metric:
        description: The metric's name.
        type: str
        required: true
      dimensions:
        description: All of the metric's dimensions.
        type: dict
        default: {}
      statistic:
        description: >-
          What is made of the figures of a period, V(Average), V(Maximum), V(Minimum),
          V(SampleCount), V(Sum), or a percentile such as V(p99).
        type: str
        required: true
      period:
        description: Seconds of a period.
        type: int
        default: 60
      periods:
        description: How many periods are looked at.
        type: int
        default: 1
      datapoints:
        description: In how many of them the threshold has to be crossed. V(0) is all.
        type: int
        default: 0
      comparison:
        description: When the threshold is crossed.
        type: str
        choices: [GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold,
          LessThanOrEqualToThreshold]
        required: true
      threshold:
        description: The threshold.
        type: float
        required: true
      missing:
        description: What a period without figures is.
        type: str
        choices: [missing, ignore, breaching, notBreaching]
        required: true
  composites:
    description: Alarms that are in alarm while any of others is.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name without C(chatlift-<stack>-).
        type: str
        required: true
      description:
        description: What is wrong, and what to do next.
        type: str
        required: true
      any_of:
        description: Names of alarms, without C(chatlift-<stack>-).
        type: list
        elements: str
        required: true
  dashboard:
    description: >-
      Body of the dashboard C(chatlift-<stack>), as CloudWatch documents it. In its metrics, what
      follows C(LoadBalancer) or C(TargetGroup) is a name here, too, and so are the alarms of
      widgets, without C(chatlift-<stack>-). Empty is no dashboard.
    type: dict
    default: {}
  kms_key_id:
    description: >-
      Key that encrypts what waits in the topic. Its policy has to let C(cloudwatch.amazonaws.com)
      use it, which that of C(alias/aws/sns) does not. Empty is none.
    type: str
    default: ""
  subscriptions:
    description: >-
      Who hears the topic. Others are unsubscribed. Somebody subscribed by e-mail has to confirm it
      within three days.
    type: list
    elements: dict
    default: []
    suboptions:
      protocol:
        description: How it is told.
        type: str
        choices: [email, email-json, http, https, lambda, sms, sqs]
        required: true
      endpoint:
        description: The address, URL or ARN.
        type: str
        required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made, changed or deleted.
    support: full
  diff_mode:
    description: Shows each alarm's settings before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Tell somebody when nobody leads the MySQL group
  chatlift.aws.alarms:
    stack: demo
    alarms:
      - name: mysql-no-primary
        description: Nobody leads the MySQL group. Run chatlift-member status on each member.
        metric: Primary
        dimensions: {Stack: demo, Tier: mysql}
        statistic: Maximum
        periods: 2
        comparison: LessThanThreshold
        threshold: 1
        missing: breaching
    composites:
      - name: serving
        description: The stack does not serve its clients.
        any_of: [mysql-no-primary]
    subscriptions:
      - {protocol: email, endpoint: operators@example.com}

- name: Delete alarms, topic and dashboard
  chatlift.aws.alarms:
    stack: demo
    state: absent
"""

RETURN = r"""
topic_arn:
  description: ARN of the topic.
  type: str
  returned: always
  sample: arn:aws:sns:eu-central-1:123456789012:chatlift-demo-alarms
alarms:
  description: Names of the metric alarms.
  type: list
  elements: str
  returned: when present
composites:
  description: Names of the composite alarms.
  type: list
  elements: str
  returned: when present
dashboard:
  description: Name of the dashboard.
  type: str
  returned: always
  sample: chatlift-demo
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import alarm_topic, layout
from ansible_collections.chatlift.aws.plugins.module_utils.alarms import (
    Alarms,
    composite_alarm,
    metric_alarm,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.dashboard import Dashboard, resolve
from ansible_collections.chatlift.aws.plugins.module_utils.load_balancer_names import Names
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

COMPARISONS = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
]
PROTOCOLS = ["email", "email-json", "http", "https", "lambda", "sms", "sqs"]
REQUIRED_TEXT = {"type": "str", "required": True}

ARGUMENTS = {
    "stack": REQUIRED_TEXT,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "alarms": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": REQUIRED_TEXT,
            "description": REQUIRED_TEXT,
            "namespace": {"type": "str", "default": "chatlift"},
            "metric": REQUIRED_TEXT,
            "dimensions": {"type": "dict", "default": {}},
            "statistic": REQUIRED_TEXT,
            "period": {"type": "int", "default": 60},
            "periods": {"type": "int", "default": 1},
            "datapoints": {"type": "int", "default": 0},
            "comparison": {"type": "str", "choices": COMPARISONS, "required": True},
            "threshold": {"type": "float", "required": True},
            "missing": {
                "type": "str",
                "choices": ["missing", "ignore", "breaching", "notBreaching"],
                "required": True,
            },
        },
    },
    "composites": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": REQUIRED_TEXT,
            "description": REQUIRED_TEXT,
            "any_of": {"type": "list", "elements": "str", "required": True},
        },
    },
    "dashboard": {"type": "dict", "default": {}},
    "kms_key_id": {"type": "str", "default": "", "no_log": False},
    "subscriptions": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "protocol": {"type": "str", "choices": PROTOCOLS, "required": True},
            "endpoint": REQUIRED_TEXT,
        },
    },
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params, stack = module.params, module.params["stack"]
    topic = _topic(module)
    names = Names(module.client("elbv2"), changes)
    metric = [
        metric_alarm(stack, {**one, "dimensions": names.resolve(one["dimensions"])}, topic)
        for one in params["alarms"]
    ]
    composite = [composite_alarm(stack, one, topic) for one in params["composites"]]
    dashboard = resolve(params["dashboard"], names, _alarm_arns(topic, stack))
    alarm_topic.ensure(
        module.client("sns"),
        changes,
        topic,
        tags=layout.tags(stack, layout.resource_name(stack, "alarms")),
        kms_key_id=params["kms_key_id"],
        subscriptions=params["subscriptions"],
    )
    cloudwatch = module.client("cloudwatch")
    Alarms(cloudwatch, changes, stack).ensure(metric, composite)
    Dashboard(cloudwatch, changes, stack).ensure(dashboard)
    return {
        "topic_arn": topic,
        "alarms": [alarm["AlarmName"] for alarm in metric],
        "composites": [alarm["AlarmName"] for alarm in composite],
        "dashboard": layout.stack_name(stack),
    }


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack, topic = module.params["stack"], _topic(module)
    cloudwatch = module.client("cloudwatch")
    Alarms(cloudwatch, changes, stack).delete()
    Dashboard(cloudwatch, changes, stack).delete()
    alarm_topic.delete(module.client("sns"), changes, topic)
    return {"topic_arn": topic, "dashboard": layout.stack_name(stack)}


def _topic(module: AnsibleAWSModule) -> str:
    name = layout.resource_name(module.params["stack"], "alarms")
    return alarm_topic.find_arn(module.client("sts"), module.region, name)


def _alarm_arns(topic: str, stack: str) -> str:
    """What the ARNs of the stack's alarms begin with, which are of the topic's account."""
    partition, region, account = (topic.split(":")[part] for part in (1, 3, 4))
    prefix = layout.resource_name(stack, "")
    return f"arn:{partition}:cloudwatch:{region}:{account}:alarm:{prefix}"


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
