"""Every wrong setting of the role node is refused with a sentence, before anything changes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from .refusals import refusals

GOOD: dict[str, dict[str, Any]] = {
    "good": {},
    "good-pnpm": {"files": ["pnpm-lock.yaml"], "node_frozen": "always"},
    "good-yarn": {"packageManager": "yarn@4.14.1+sha512.abc", "files": ["yarn.lock"]},
    "good-stack": {"node_processes": "stack", "node_health_check": "websocket"},
    "good-files": {
        "node_files": [
            {"path": "config/production.json", "format": "json", "content": {"port": 3306}},
            {"path": ".env", "format": "env", "content": {"PORT": 3306}},
            {"path": "settings.ini", "format": "text", "content": "port = 3306"},
        ]
    },
}

# Name of a host → what is wrong about it, and a part of what is said.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "directory": ({"node_package_dir": "server"}, "There is no package.json in"),
    "absolute": ({"node_working_dir": "/opt"}, "node_working_dir is /opt: give it a path below"),
    "outside": ({"node_package_dir": "a/../../b"}, "node_package_dir is a/../../b: give it a path"),
    "working": ({"node_working_dir": "dist"}, "node_working_dir is dist, but .* has no such dir"),
    "start": ({"scripts": {}}, 'has no script named "start"'),
    "manager": ({"packageManager": "bun@1.2.0"}, 'has "bun@1.2.0" as its packageManager, which is'),
    "two": ({"files": ["yarn.lock", "pnpm-lock.yaml"]}, "lock files pnpm-lock.yaml and yarn.lock"),
    "inexact": ({"node_package_manager_version": "10"}, 'The version of npm is "10"'),
    "unlocked": ({"node_frozen": "always"}, "no package-lock.json, .* node_frozen is\\s+always"),
    "foreign": (
        {"node_package_manager": "pnpm", "files": ["yarn.lock"]},
        r"no pnpm-lock.yaml, the lock file of pnpm \(but yarn.lock\)",
    ),
    "frozen": (
        {"files": ["yarn.lock"], "node_frozen": "always", "node_dependency_overrides": {"ms": "2"}},
        "node_dependency_overrides changes what the lock file says",
    ),
    "overrides": (
        {"packageManager": "pnpm@12.21.0", "node_dependency_overrides": {"ms": "2.1.2"}},
        "pnpm 12.21.0 reads overrides from pnpm-workspace.yaml alone",
    ),
    "name": ({"node_environment": {"MY-NAME": "x"}}, 'node_environment has the name "MY-NAME"'),
    "path": (
        {"node_files": [{"path": "../x", "format": "text", "content": ""}]},
        'node_files has the path "../x"',
    ),
    "twice": (
        {"node_files": [{"path": "x", "format": "text", "content": ""}] * 2},
        'node_files has the path "x": give each file a path of its own',
    ),
    "content": (
        {"node_files": [{"path": "x", "format": "json", "content": "{}"}]},
        "The content of x in node_files does not fit the format json",
    ),
    "dotenv": (
        {"node_files": [{"path": ".env", "format": "env", "content": {"a b": 1}}]},
        'The content of .env in node_files has the name "a b"',
    ),
    "drain": ({"node_drain_seconds": -1}, "node_drain_seconds is -1; it must be a number"),
    "health": ({"node_health_path": "health"}, 'node_health_path is "health"; it must begin with'),
    "status": ({"node_health_status": "OK"}, 'node_health_status is "OK"; it must be a status'),
    "interval": ({"node_health_interval": "a while"}, 'node_health_interval is "a while"'),
    "hops": ({"node_forwarded_hops": -1}, "node_forwarded_hops is -1"),
    "sticky": (
        {"node_stickiness": "cookie", "node_processes": "stack"},
        "node_stickiness is cookie, but with node_processes stack",
    ),
    "processor": ({"processor": "riscv64"}, "The host's processor is riscv64"),
    "version": ({"node_version": "24"}, 'node_version is "24"; it must be an exact version'),
    "unnamed": ({"node_runtime": "apt"}, 'node_runtime is apt and node_apt_uri is ""'),
    "unused": ({"node_apt_uri": "file:/srv/apt"}, "node_runtime is npm and node_apt_uri is"),
    "key": (
        {"node_runtime": "apt", "node_apt_uri": "file:/srv/apt"},
        "node_apt_uri is file:/srv/apt, but node_apt_signed_by is empty",
    ),
}


def _host(directory: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """An application in ``directory``, and the variables of the host that would get it."""
    settings = dict(settings)
    directory.mkdir()
    for file in settings.pop("files", []):
        (directory / file).touch()
    package = {"name": "x", "scripts": settings.pop("scripts", {"start": "node ."})}
    if "packageManager" in settings:
        package["packageManager"] = settings.pop("packageManager")
    (directory / "package.json").write_text(json.dumps(package))
    return {"node_app_dir": str(directory), "processor": "x86_64", **settings}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Ansible said about each host; nothing about those it found good."""
    root = tmp_path_factory.mktemp("preflight")
    settings = GOOD | {name: wrong for name, (wrong, _) in WRONG.items()}
    hosts = {name: _host(root / name, values) for name, values in settings.items()}
    return refusals(root, "node", hosts)


@pytest.mark.parametrize("name", GOOD)
def test_good_settings_pass(said: dict[str, str], name: str) -> None:
    assert name not in said, said[name]


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_refused_in_a_sentence(said: dict[str, str], name: str) -> None:
    assert name in said, "nothing was said"
    assert re.search(WRONG[name][1], said[name]), said[name]
