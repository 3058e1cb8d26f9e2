"""What must happen to hosts so that they are what the API says of its instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chatlift_rehearsal.bodies import Phase
from chatlift_rehearsal.model import CloudView, InstanceView


@dataclass(frozen=True)
class StartHost:
    """Boot the instance; one that was stopped or reboots goes on with its files."""

    instance: InstanceView

    @property
    def key(self) -> str:
        return self.instance.id


@dataclass(frozen=True)
class StopHost:
    """Shut the instance down and keep its files."""

    key: str


@dataclass(frozen=True)
class RemoveHost:
    """Shut the instance down, if it still runs, and remove all it had."""

    key: str


@dataclass(frozen=True)
class ReportStarted:
    """Tell the API that the host runs."""

    key: str


@dataclass(frozen=True)
class ReportStopped:
    """Tell the API that nothing runs any more."""

    key: str


@dataclass(frozen=True)
class ReportDied:
    """Tell the API that the host ended though nobody asked for it."""

    key: str


InstanceAction = StartHost | StopHost | RemoveHost | ReportStarted | ReportStopped | ReportDied


def plan_instances(view: CloudView, hosts: Mapping[str, Phase]) -> list[InstanceAction]:
    """One action at most for each instance; reports may be repeated, they change nothing twice."""
    known = {instance.id for instance in view.instances}
    actions: list[InstanceAction] = [RemoveHost(host) for host in hosts if host not in known]
    for instance in view.instances:
        action = _plan(instance, hosts.get(instance.id))
        if action:
            actions.append(action)
    return actions


def is_booting(instance: InstanceView) -> bool:
    """Whether its Auto Scaling group does not count on it yet; what is in none serves at once."""
    return instance.lifecycle_state.startswith(("Pending", "Warmed:Pending"))


def _plan(instance: InstanceView, phase: Phase | None) -> InstanceAction | None:
    match instance.state, phase:
        case _, "ending":
            return None
        case "pending", None | "stopped":
            return StartHost(instance)
        case "running", "rebooting":
            return StartHost(instance)
        case "pending", "running":
            return ReportStarted(instance.id)
        case "pending" | "running", "dead" | "failed":
            return ReportDied(instance.id)
        case "stopping", "running" | "rebooting" | "dead":
            return StopHost(instance.id)
        case "stopping", _:
            return ReportStopped(instance.id)
        case "shutting-down", None:
            return ReportStopped(instance.id)
        case "shutting-down", _:
            return RemoveHost(instance.id)
    return None
