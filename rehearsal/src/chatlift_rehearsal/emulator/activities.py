"""Scaling activities: what a group did and why, in the words of Auto Scaling.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/CHAP_Troubleshooting.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from moto.core.utils import utcnow

# AWS keeps six weeks of them; a rehearsal has no use for more than this many a group.
KEPT = 200


@dataclass
class Activity:
    """One activity; the names of the fields are those of the API's Activity in snake case."""

    auto_scaling_group_name: str
    auto_scaling_group_arn: str
    description: str
    cause: str
    status_code: str = "InProgress"
    status_message: str | None = None
    progress: int = 0
    start_time: datetime = field(default_factory=utcnow)
    end_time: datetime | None = None
    activity_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    details: str = "{}"

    def end(self, status_code: str = "Successful", message: str | None = None) -> None:
        """Close it once; what ended an activity first is what counts."""
        if self.end_time is None:
            self.status_code = status_code
            self.status_message = message
            self.progress = 100
            self.end_time = utcnow()


def at() -> str:
    """The beginning of every cause."""
    return f"At {utcnow():%Y-%m-%dT%H:%M:%SZ}"
