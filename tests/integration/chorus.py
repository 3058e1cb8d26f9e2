"""What member agents would say and do, where nothing runs behind the emulated API.

They answer the requests in their instances' tags, lead when asked, and take over from a leader
whose instance is not in service.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

SHARDS = (
    ("redis-a1", "redis-b2"),
    ("redis-b1", "redis-c2"),
    ("redis-c1", "redis-a2"),
    ("mysql-a1", "mysql-b1", "mysql-c1"),
)


@dataclass
class Chorus:
    """The members of one stack; a test may change what they say."""

    leaders: dict[str, str] = field(default_factory=dict)
    """By shard, which is named after its first member."""
    refusals: dict[str, str] = field(default_factory=dict)
    """By member, why it refuses to lead."""
    silent: set[str] = field(default_factory=set)
    oldest: float = 0.0
    """Seconds for which a client of MySQL's primary has had a transaction open."""
    led: list[str] = field(default_factory=list)
    """Who was asked to lead and did, in order."""

    def __post_init__(self) -> None:
        self.leaders = {shard[0]: shard[0] for shard in SHARDS} | self.leaders

    def leader_of(self, member: str) -> str:
        return self.leaders[_shard(member)[0]]

    def answer(self, in_service: dict[str, dict[str, Any]]) -> dict[str, str]:
        """New reports by instance id; ``in_service`` are the members' instances as EC2 has them."""
        for shard in SHARDS:
            heirs = [name for name in shard if name in in_service]
            if heirs and self.leaders[shard[0]] not in in_service:
                self.leaders[shard[0]] = heirs[0]
        reports = {}
        for name, instance in in_service.items():
            tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
            said = tags.get("chatlift:report", "")
            report = self._report(name, _words(tags.get("chatlift:request", "")), _words(said))
            if report != said and name not in self.silent:
                reports[instance["InstanceId"]] = report
        return reports

    def _report(self, name: str, request: dict[str, str], last: dict[str, str]) -> str:
        answer, said = last.get("answer", ""), ""
        if request.get("id", "") != last.get("id", ""):
            answer = "done"
            if request["do"] == "lead":
                assert float(request["until"]) > time.time()
                answer = "refused" if name in self.refusals else "done"
                if answer == "done":
                    self.leaders[_shard(name)[0]] = name
                    self.led.append(name)
        if answer == "refused":
            said = self.refusals.get(name, "")
        leader = self.leader_of(name)
        words = {
            "id": request.get("id", ""),
            "answer": answer,
            "role": "primary" if leader == name else "replica",
            "healthy": "yes",
            "leader": leader,
            **({"uncovered": "0.0"} if name.startswith("redis") else {"version": "9.7.0"}),
            **({"oldest": f"{self.oldest:.1f}"} if name.startswith("mysql") else {}),
            "said": said,
        }
        return " ".join(f"{key}={value}" for key, value in words.items() if value)


def _shard(member: str) -> tuple[str, ...]:
    return next(shard for shard in SHARDS if member in shard)


def _words(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split() if "=" in word)
