"""How a group replaces its instances: by what, how many at once, and when one is ready."""

from __future__ import annotations

import math
from typing import Any

from moto.autoscaling import models
from moto.ec2.models.launch_templates import LaunchTemplateVersion

from .lifecycle import GroupInstance
from .refresh_record import Configuration, Refresh, instance_types, specification


class ReplacingGroup(models.FakeAutoScalingGroup):
    """What it launches, and its bounds while it replaces."""

    __module__ = "moto.autoscaling.models"  # moto derives the service from it

    def __init__(self, **kwargs: Any) -> None:
        self.instance_maintenance_policy: dict[str, int] | None = None
        self.refreshes: list[Refresh] = []
        super().__init__(**kwargs)

    @property
    def launch_template(self) -> dict[str, Any] | None:
        """None in a mixed group, whose policy names the template."""
        return None if self.mixed_instances_policy else super().launch_template

    @property
    def configuration(self) -> Configuration:
        """What the group is set to launch."""
        if self.mixed_instances_policy:
            return {"MixedInstancesPolicy": self.mixed_instances_policy}
        return {"LaunchTemplate": self.launch_template}

    @property
    def refresh(self) -> Refresh | None:
        """The instance refresh that is under way."""
        return self.refreshes[0] if self.refreshes and self.refreshes[0].active else None

    @property
    def launched(self) -> Configuration:
        """What it launches now: during a refresh, what that leads to."""
        refresh = self.refresh
        return (refresh.desired if refresh and refresh.launches else None) or self.configuration

    def version_of(self, configuration: Configuration) -> LaunchTemplateVersion:
        """The version that a configuration launches now."""
        named = specification(configuration)
        template: Any = (
            self.ec2_backend.get_launch_template(named["LaunchTemplateId"])
            if "LaunchTemplateId" in named
            else self.ec2_backend.get_launch_template_by_name(named["LaunchTemplateName"])
        )
        version: LaunchTemplateVersion = template.get_version(named.get("Version") or "$Default")
        return version

    def matches(self, member: GroupInstance, configuration: Configuration) -> bool:
        """Whether an instance is as the configuration would launch it."""
        version = self.version_of(configuration)
        launched = member.launch_template or {}
        types = instance_types(configuration) or [member.instance.instance_type]
        return (
            launched.get("LaunchTemplateId") == version.template.id
            and launched.get("Version") == str(version.number)
            and member.instance.instance_type in types
        )

    def configure(self, configuration: Configuration) -> None:
        """Launch this from now on."""
        self.mixed_instances_policy = configuration.get("MixedInstancesPolicy")
        self._set_launch_configuration(
            "", configuration.get("LaunchTemplate", {}), self.mixed_instances_policy
        )

    @property
    def healthy_percentages(self) -> tuple[int, int]:
        """The least and the most instances while some are replaced, in percent of the capacity.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-maintenance-policy-overview-and-considerations.html
        """
        asked: dict[str, Any] = dict(self.instance_maintenance_policy or {})
        if self.refresh:
            asked = {"MinHealthyPercentage": 90, **asked, **self.refresh.asked}
        return int(asked.get("MinHealthyPercentage", 0)), int(
            asked.get("MaxHealthyPercentage", 100)
        )

    @property
    def launches_first(self) -> bool:
        """Whether a replacement comes before what it replaces goes."""
        return self.healthy_percentages[0] >= 100

    def bounds(self, count: int) -> tuple[int, int]:
        """The least that have to be ready and the most there may be of so many, while some are
        replaced; at least one can be."""
        least, most = self.healthy_percentages
        needed, allowed = math.ceil(count * least / 100), count * most // 100
        if self.launches_first:
            return needed, max(allowed, count + 1)
        return min(needed, count - 1), allowed

    @property
    def warmup(self) -> float:
        """Seconds after which an instance in service is ready.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-instance-refresh-default-values.html
        """
        own = getattr(self, "default_instance_warmup", None)
        if self.refresh:
            usual = self.health_check_grace_period if own is None else own
            own = self.refresh.asked.get("InstanceWarmup", usual)
        return float(own or 0)
