# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a tier can do without one of its members for a while, who leads then, and who goes first.

Functions of what the members say of themselves (`member_reports`), without any effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Collection, Mapping

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.member_reports import Member

Tier = Mapping[str, Member]
"""All members of one tier, by name."""


@dataclass(frozen=True)
class Limits:
    """The gates, in seconds."""

    lag: float
    open_transaction: float


@dataclass(frozen=True)
class Step:
    """One member to replace, and who is to lead in its place, if it leads."""

    member: str
    role: str
    hand_over_to: str
    reason: str


def tiers(members: Mapping[str, Member]) -> dict[str, dict[str, Member]]:
    """The members by their tiers, both in the order given."""
    found: dict[str, dict[str, Member]] = {}
    for name, member in members.items():
        found.setdefault(layout.parse_member(name).tier, {})[name] = member
    return found


def troubles(tier: Tier, question: str | None, limits: Limits, spare: str = "") -> list[str]:
    """Why the tier is not whole, or why it cannot do without the member ``spare``; none is good.

    ``question`` is the id that every report has to answer; None takes any report. Nothing is asked
    of a member to be spared that is not in service: there is nothing left to lose of it. One that
    leads has to have a successor, and no transaction that has been open for long.
    """
    found = []
    for member in tier.values():
        if member.name != spare or member.in_service:
            found += _own_troubles(member, question, is_spare=member.name == spare)
    if found:
        return found
    found += _common_troubles(tier, spare)
    found += [
        f"{one.name} lags {one.report.lag:g} s behind, where {limits.lag:g} s are allowed"
        f" (max_replication_lag)"
        for one in _serving(tier)
        if one.report.lag > limits.lag
    ]
    if spare and tier[spare].leads:
        found += _hand_over_troubles(tier, tier[spare], limits)
    return found


def _own_troubles(member: Member, question: str | None, is_spare: bool) -> list[str]:
    if not member.in_service:
        return [f"{member.name} is not in service ({member.state})"]
    if question is not None and member.report.id != question:
        return [f"{member.name} did not answer; see the journal of chatlift-member there"]
    if not member.report.healthy and not is_spare:
        return [f"{member.name} is not in good standing: {member.report.said or 'see its journal'}"]
    return []


def _common_troubles(tier: Tier, spare: str) -> list[str]:
    """Each member follows one that leads, every shard has a replica, and no slot is unserved."""
    found = []
    serving = _serving(tier)
    leaders = {one.name for one in serving if one.leads}
    for member in serving:
        leader = member.report.leader
        if leader not in {*leaders, spare} or not leader:
            found.append(f"{member.name} follows {leader or 'nobody'}, which does not lead")
        if member.report.uncovered:
            found.append(f"{member.name} sees {member.report.uncovered:g} slots without a master")
    sharded = any(one.report.uncovered is not None for one in serving)
    named = sorted({one.report.leader for one in serving})
    if not sharded and len(named) > 1:
        found.append(f"the members do not agree on who leads: {', '.join(named)}")
    # Whose replica a spare member was that is gone already, nobody can tell.
    if not spare or tier[spare].in_service:
        lone = sorted(name for name in leaders if not followers(tier, name))
        found += [f"{name} leads without a replica" for name in lone]
    return found


def _hand_over_troubles(tier: Tier, leader: Member, limits: Limits) -> list[str]:
    found = []
    if not any(one.report.healthy for one in followers(tier, leader.name)):
        found.append(f"{leader.name} leads, and no replica of it is in good standing")
    if leader.report.oldest > limits.open_transaction:
        found.append(
            f"a client of {leader.name} has had a transaction open for {leader.report.oldest:g} s,"
            f" where {limits.open_transaction:g} s are allowed (max_open_transaction_seconds)"
        )
    return found


def _serving(tier: Tier) -> list[Member]:
    return [one for one in tier.values() if one.in_service and one.report.healthy]


def followers(tier: Tier, leader: str) -> list[Member]:
    """The other members that say they follow ``leader``."""
    return [
        one
        for one in tier.values()
        if one.name != leader and one.in_service and one.report.leader == leader
    ]


def successor(tier: Tier, leader: str, outdated: Collection[str] = ()) -> str:
    """Who is to lead in the place of ``leader``; empty where no member can be asked to.

    A replica in another zone first, then one that is not to be replaced itself (``outdated``),
    then the one that lags least. A MySQL group lets only its oldest version lead; where the others
    are newer it elects one of them when its primary leaves.
    """
    oldest = min((_numbers(one.report.version) for one in _serving(tier)), default=())
    able = [
        one
        for one in followers(tier, leader)
        if one.report.healthy and _numbers(one.report.version) == oldest
    ]
    best = min(
        able,
        key=lambda one: (
            one.zone == tier[leader].zone,
            one.name in outdated,
            one.report.lag,
            one.name,
        ),
        default=None,
    )
    return best.name if best else ""


def plan(
    tier: Tier, versions: Mapping[str, str], chosen: Collection[str], always: bool
) -> list[Step]:
    """Whom of ``chosen`` to replace, in this order: who is not in service, replicas, leaders.

    Replaced is who does not run the version in ``versions``, by default the one that its group
    wants, and with ``always`` everybody.
    """
    wanted = {name: versions.get(name, one.wanted) for name, one in tier.items()}
    outdated = [
        name for name in tier if name in chosen and (always or tier[name].version != wanted[name])
    ]
    steps = []
    for name in sorted(outdated, key=lambda name: (_phase(tier[name]), name)):
        member = tier[name]
        steps.append(
            Step(
                member=name,
                role=member.report.role if member.in_service else member.state,
                hand_over_to=successor(tier, name) if member.leads else "",
                reason=(
                    f"runs version {member.version}, is to run {wanted[name]}"
                    if member.version != wanted[name]
                    else "is to be replaced in any case"
                ),
            )
        )
    return steps


def _phase(member: Member) -> int:
    if not member.in_service or not member.report.healthy:
        return 0
    return 2 if member.leads else 1


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
