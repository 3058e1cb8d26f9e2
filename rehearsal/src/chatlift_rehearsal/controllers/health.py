"""When a target counts as healthy, by the rule of an Application Load Balancer.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Health = Literal["initial", "healthy", "unhealthy"]


@dataclass(frozen=True)
class TargetRecord:
    """What is known of a target: its health, and how many checks in a row said otherwise."""

    health: Health = "initial"
    contrary: int = 0

    def after(self, passed: bool, healthy_threshold: int, unhealthy_threshold: int) -> TargetRecord:
        """The record after one more check.

        A new target needs one success only; after that, both ways take their thresholds.
        """
        if passed and self.health == "initial":
            return TargetRecord("healthy")
        if self.health == ("healthy" if passed else "unhealthy"):
            return TargetRecord(self.health)
        contrary = self.contrary + 1
        if contrary < (healthy_threshold if passed else unhealthy_threshold):
            return replace(self, contrary=contrary)
        return TargetRecord("healthy" if passed else "unhealthy")


def status_matches(status: int, matcher: str) -> bool:
    """Whether an HTTP status is in a matcher such as ``200``, ``200,302`` or ``200-399``."""
    for part in matcher.split(","):
        low, _, high = part.strip().partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
