# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A VPC's flow logs in CloudWatch Logs, and the role by which they are delivered.

https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.log_groups import LogGroups
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    of_stack,
    pages,
    retry_while,
    tag_specification,
)
from ansible_collections.chatlift.aws.plugins.module_utils.roles import Roles, trust

PART = "flow"
AGGREGATION_SECONDS = 600
ROLE_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Place:
    """The VPC whose traffic is logged. ``account`` is its owner's number."""

    stack: str
    region: str
    account: str
    vpc_id: str

    @property
    def name(self) -> str:
        return layout.resource_name(self.stack, PART)

    @property
    def tags(self) -> dict[str, str]:
        return layout.tags(self.stack, self.name)


@dataclass(frozen=True)
class Wanted:
    """``traffic`` is ``ALL``, ``ACCEPT`` or ``REJECT``; the key is empty for CloudWatch's own."""

    traffic: str
    retention_days: int
    kms_key_arn: str


class RoleUnknownError(Exception):
    """The service does not know the role yet; IAM takes some seconds to tell it."""


class FlowLogs:
    """The flow logs of a stack's VPC."""

    def __init__(self, module: Any, changes: Changes, stack: str) -> None:
        self.ec2 = module.client("ec2")
        self.logs = module.client("logs")
        self.iam = module.client("iam")
        self.changes = changes
        self.stack = stack

    def ensure(self, place: Place, wanted: Wanted) -> None:
        """Log the VPC's traffic as wanted. A flow log cannot be changed: another replaces it."""
        log_groups = LogGroups(self.logs, self.changes, self.stack)
        log_groups.ensure(PART, wanted.retention_days, wanted.kms_key_arn)
        role = Roles(self.iam, self.changes, self.stack).ensure(
            place.name,
            place.tags,
            policy="deliver",
            statements=_permissions(place),
            trusted=_trusted(place),
            description=f"Delivers the flow logs of {place.name}",
        )
        arguments = {
            "TrafficType": wanted.traffic,
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": layout.log_group_name(self.stack, PART),
            "DeliverLogsPermissionArn": role,
            "MaxAggregationInterval": AGGREGATION_SECONDS,
        }
        present = self._present()
        if [{key: one.get(key) for key in arguments} for one in present] == [arguments]:
            return
        self._delete(present)
        self.changes.apply(
            "flow log",
            None,
            arguments,
            retry_while,
            is_temporary=lambda error: isinstance(error, RoleUnknownError),
            call=self._create,
            what=f"flow logs to know the role {place.name}",
            timeout=ROLE_TIMEOUT_SECONDS,
            ResourceType="VPC",
            ResourceIds=[place.vpc_id],
            TagSpecifications=tag_specification("vpc-flow-log", place.tags),
            **arguments,
        )

    def delete(self) -> None:
        """End the logging; what was logged stays."""
        self._delete(self._present())
        Roles(self.iam, self.changes, self.stack).delete(layout.resource_name(self.stack, PART))

    def _present(self) -> list[dict[str, Any]]:
        return pages(self.ec2, "describe_flow_logs", "FlowLogs", Filter=of_stack(self.stack))

    def _delete(self, present: list[dict[str, Any]]) -> None:
        for one in present:
            self.changes.apply(
                f"flow log {one['FlowLogId']}",
                one["TrafficType"],
                None,
                self.ec2.delete_flow_logs,
                FlowLogIds=[one["FlowLogId"]],
            )

    def _create(self, **arguments: Any) -> None:
        """CreateFlowLogs answers a refusal for the VPC like a success."""
        answer = self.ec2.create_flow_logs(**arguments)
        for failed in answer.get("Unsuccessful", []):
            said = failed["Error"].get("Message", failed["Error"].get("Code", ""))
            if "assume" in said.lower():
                raise RoleUnknownError(said)
            raise ChatliftError(
                f"AWS refused the flow log of {failed['ResourceId']}: {said.rstrip('.')}."
                f" Mend that, or set network_flow_logs to none."
            )


def _trusted(place: Place) -> dict[str, Any]:
    """Of this account's flow logs only: the service acts for whoever asks it to."""
    return trust(
        "vpc-flow-logs.amazonaws.com",
        {
            "StringEquals": {"aws:SourceAccount": place.account},
            "ArnLike": {
                "aws:SourceArn": f"arn:aws:ec2:{place.region}:{place.account}:vpc-flow-log/*"
            },
        },
    )


def _permissions(place: Place) -> list[dict[str, Any]]:
    """The documented ones, on this one log group; that exists, so none to make it."""
    logs = f"arn:aws:logs:{place.region}:{place.account}:log-group:"
    return [
        {
            "Sid": "WriteFlowLogs",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogStream",
                "logs:DescribeLogStreams",
                "logs:PutLogEvents",
            ],
            "Resource": f"{logs}{layout.log_group_name(place.stack, PART)}:*",
        },
        {
            "Sid": "FindLogGroup",
            "Effect": "Allow",
            "Action": "logs:DescribeLogGroups",
            "Resource": f"{logs}*",
        },
    ]
