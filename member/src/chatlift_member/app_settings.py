"""How the application wants to be run: what its image says in ``/etc/chatlift/app.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .errors import AgentError

SETTINGS = Path("/etc/chatlift/app.json")
PROCESSES = ("core", "instance", "stack")


@dataclass(frozen=True)
class AppSettings:
    """The contents of `SETTINGS` (docs/contracts.md, "On an instance")."""

    processes: str
    """One process a ``core``, one an ``instance``, or one in the whole ``stack``."""
    release_command: str
    """What runs once a release, before any instance starts the application; empty for nothing."""
    release_timeout: int
    """Seconds after which `release_command` counts as failed."""
    drain_seconds: int
    """Seconds over which a leaving instance closes its WebSockets."""
    release_restartable: bool = True
    """Whether a run of `release_command` that was cut short may be followed by another one."""

    def units(self, cpus: int) -> list[str]:
        """The units of the application's processes on an instance with so many ``cpus``."""
        count = cpus if self.processes == "core" else 1
        return [f"chatlift-app@{number}.service" for number in range(1, count + 1)]


def read_settings(path: Path = SETTINGS) -> AppSettings:
    """The settings in ``path``; raises an `AgentError` that names the key and the right form."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise AgentError(
            f"{path} cannot be read ({error.strerror}); the role node writes it into the image."
        ) from None
    except json.JSONDecodeError as error:
        raise AgentError(f"{path} is not JSON: {error}.") from None
    try:
        return parse_settings(document)
    except AgentError as error:
        raise AgentError(f"{path}: {error}") from None


def parse_settings(document: object) -> AppSettings:
    """The settings in a decoded ``app.json``; raises `AgentError`."""
    if not isinstance(document, dict):
        raise AgentError("It has to be a JSON object.")
    processes = document.get("processes")
    if processes not in PROCESSES:
        raise AgentError(
            f"processes is {processes!r}, but has to be one of {', '.join(PROCESSES)}."
        )
    command = document.get("release_command")
    if not isinstance(command, str):
        raise AgentError(f"release_command is {command!r}, but has to be a string.")
    restartable = document.get("release_restartable", True)
    if not isinstance(restartable, bool):
        raise AgentError(f"release_restartable is {restartable!r}, but has to be true or false.")
    return AppSettings(
        processes=processes,
        release_command=command,
        release_timeout=_seconds(document, "release_timeout", least=1),
        drain_seconds=_seconds(document, "drain_seconds", least=0),
        release_restartable=restartable,
    )


def _seconds(document: dict[str, object], key: str, least: int) -> int:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise AgentError(f"{key} is {value!r}, but has to be seconds, {least} or more.")
    return value
