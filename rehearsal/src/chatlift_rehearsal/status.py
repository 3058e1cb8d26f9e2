"""What ``rehearsal status`` tells: published by the daemon, read and drawn by the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from chatlift_rehearsal.authority import certificate_path
from chatlift_rehearsal.bodies import Phase
from chatlift_rehearsal.controllers.load_balancers import HealthByGroup
from chatlift_rehearsal.edge import DistributionView
from chatlift_rehearsal.model import CloudView, InstanceView, ListenerView
from chatlift_rehearsal.settings import SERVICE_ADDRESS, Settings

MEMBER_TAG = "chatlift:member"


def describe(
    view: CloudView,
    hosts: Mapping[str, Phase],
    health: HealthByGroup,
    memory_used: Callable[[str], int | None],
) -> dict[str, Any]:
    """The present state as JSON data; ``memory`` is in bytes."""
    found = {
        target.instance_id: state
        for targets in health.values()
        for target, state in targets.items()
    }
    images = {image.id: image.name for image in view.images}
    return {
        "instances": [
            {
                "name": name_of(instance),
                "tag": instance.name,
                "id": instance.id,
                "state": instance.state,
                "host": hosts.get(instance.id, ""),
                "address": instance.private_ip,
                "image": instance.image_id,
                "image_name": images.get(instance.image_id, ""),
                "type": instance.instance_type,
                "zone": instance.availability_zone,
                "group": instance.group,
                "lifecycle": instance.lifecycle_state,
                "health": found.get(instance.id, ""),
                "memory": memory_used(instance.id),
            }
            for instance in view.instances
        ],
        "volumes": [
            {
                "id": volume.id,
                "gib": volume.size_gib,
                "state": volume.state,
                "instance": _holder(view, volume.id),
            }
            for volume in view.volumes
        ],
        "load_balancers": [
            {
                "name": balancer.name,
                "dns_name": balancer.dns_name,
                "addresses": balancer.addresses,
                "urls": [
                    _url(listener, balancer.addresses[0])
                    for listener in balancer.listeners
                    if balancer.addresses
                ],
            }
            for balancer in view.load_balancers
        ],
        "alarms": [{"name": alarm.name, "reason": alarm.reason} for alarm in view.alarms],
        "distributions": [
            {
                "name": distribution.name,
                "id": distribution.id,
                "state": _deployment(distribution),
                "address": distribution.address,
                "urls": [
                    f"https://{name}/" for name in (*distribution.aliases, distribution.domain_name)
                ],
            }
            for distribution in view.distributions
        ],
        "images": [
            {"id": image.id, "name": image.name, "state": image.state} for image in view.images
        ],
    }


def _url(listener: ListenerView, address: str) -> str:
    scheme, usual = ("https", 443) if listener.protocol == "HTTPS" else ("http", 80)
    port = "" if listener.port == usual else f":{listener.port}"
    return f"{scheme}://{address}{port}/"


def _deployment(distribution: DistributionView) -> str:
    if not distribution.enabled:
        return "disabled"
    return "deployed" if distribution.deployed else "in progress"


def name_of(instance: InstanceView) -> str:
    """The member's name, else the ``Name`` tag, else the instance's id."""
    return instance.tags.get(MEMBER_TAG) or instance.name or instance.id


def _holder(view: CloudView, volume_id: str) -> str:
    for instance in view.instances:
        if any(attachment.volume_id == volume_id for attachment in instance.attachments):
            return instance.id
    return ""


def read(settings: Settings) -> dict[str, Any]:
    """What the daemon last published, and whom visitors ask for names and whom they trust."""
    return {
        **json.loads(settings.status.read_text()),
        "name_server": SERVICE_ADDRESS,
        "authority": str(certificate_path(settings.authority)),
    }


def draw(status: dict[str, Any]) -> RenderableType:
    """The state as tables."""
    hosts = _table("instance", "id", "state", "address", "image", "group", "health", "memory")
    used = 0
    for row in status["instances"]:
        used += row["memory"] or 0
        state = row["state"] if row["host"] in ("", "running", row["state"]) else row["host"]
        hosts.add_row(
            row["name"],
            row["id"],
            _coloured(state),
            row["address"],
            row["image_name"] or row["image"],
            " ".join(filter(None, (row["group"], row["lifecycle"]))),
            _coloured(row["health"]),
            _mebibytes(row["memory"]),
        )
    volumes = _table("volume", "size", "state", "instance")
    for row in status["volumes"]:
        volumes.add_row(row["id"], f"{row['gib']} GiB", row["state"], row["instance"])
    balancers = _table("load balancer", "address", "URL")
    for row in status["load_balancers"]:
        balancers.add_row(row["name"], " ".join(row["addresses"]), " ".join(row["urls"]))
    alarms = _table("in alarm", "why")
    for row in status["alarms"]:
        alarms.add_row(f"[red]{row['name']}[/]", row["reason"])
    sites = _table("distribution", "id", "state", "address", "URL")
    for row in status["distributions"]:
        state = _coloured(row["state"])
        sites.add_row(row["name"], row["id"], state, row["address"], " ".join(row["urls"]))
    tables = [table for table in (hosts, volumes, balancers, sites, alarms) if table.row_count]
    summary = [f"{len(status['instances'])} instances use {_mebibytes(used)} of memory"]
    if sites.row_count:
        summary.append(
            f"Ask {status['name_server']} for names, and trust the authority {status['authority']}"
        )
    return Group(*tables, *summary)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "address", "volume"))
    return table


def _coloured(state: str) -> str:
    green = dict.fromkeys(("running", "healthy", "deployed"), "green")
    colours = {**green, "dead": "red", "failed": "red"}
    return f"[{colours.get(state, 'yellow')}]{state}[/]"


def _mebibytes(count: int | None) -> str:
    return "" if count is None else f"{count >> 20} MiB"
