# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What CloudWatch calls load balancers and target groups: the end of their ARNs."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import required

DIMENSIONS = ("LoadBalancer", "TargetGroup")


class Names:
    """Finds out each name once."""

    def __init__(self, elbv2: Any, changes: Changes) -> None:
        self.elbv2 = elbv2
        self.changes = changes
        self._known: dict[tuple[str, str], str] = {}

    def value(self, dimension: str, name: str) -> str:
        """The value of a dimension, such as ``app/chatlift-demo/50dc6c495c0c9188``.

        Raises:
            ChatliftError: There is no such load balancer or target group.
        """
        if (dimension, name) not in self._known:
            self._known[dimension, name] = self._find(dimension, name)
        return self._known[dimension, name]

    def resolve(self, dimensions: dict[str, str]) -> dict[str, str]:
        """Dimensions in which names have become values."""
        return {
            key: self.value(key, value) if key in DIMENSIONS else value
            for key, value in dimensions.items()
        }

    def _find(self, dimension: str, name: str) -> str:
        if dimension == "LoadBalancer":
            what, arn = "load balancer", self._load_balancer(name)
        else:
            what, arn = "target group", self._target_group(name)
        found = arn and arn.split(":", 5)[5].removeprefix("loadbalancer/")
        return required(self.changes, found, f"{what} {name}", "Run playbooks/app_tier.yml first.")

    def _load_balancer(self, name: str) -> str | None:
        try:
            found = self.elbv2.describe_load_balancers(Names=[name])["LoadBalancers"]
        except self.elbv2.exceptions.LoadBalancerNotFoundException:
            return None
        return str(found[0]["LoadBalancerArn"]) if found else None

    def _target_group(self, name: str) -> str | None:
        try:
            found = self.elbv2.describe_target_groups(Names=[name])["TargetGroups"]
        except self.elbv2.exceptions.TargetGroupNotFoundException:
            return None
        return str(found[0]["TargetGroupArn"]) if found else None
