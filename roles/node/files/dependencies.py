"""What of an application decides which dependencies it gets: equal digests, equal ``node_modules``.

Nothing but Python's standard library.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

LOCK = "package-lock.json"
# What else package managers read, beside package.json.
SETTINGS = (".npmrc", ".pnpmfile.cjs", ".yarnrc", ".yarnrc.yml", "pnpm-lock.yaml", "yarn.lock")

# https://docs.npmjs.com/cli/using-npm/scripts#life-cycle-scripts
LIFECYCLE = {
    *("preinstall", "install", "postinstall"),
    *("prepublish", "preprepare", "prepare", "postprepare"),
}
# Where dependencies are said, and what those of the application's own directories begin with.
DEPENDENCIES = (
    *("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"),
    *("overrides", "resolutions"),
)
LOCAL = ("file:", "link:", "portal:", "workspace:", "patch:", ".", "/", "~/")

# With these an installation reads, or runs, any file of the application.
FIELDS = {"workspaces", "pnpm", "bundleDependencies", "bundledDependencies"}
FILES = (".yarn", "binding.gyp", "npm-shrinkwrap.json", "pnpm-workspace.yaml")

# What changes from release to release and says nothing of dependencies.
OWN = ("version", "description", "scripts")


def digest(directory: Path) -> str:
    """SHA-256, in hexadecimal, of all that the installation in ``directory`` reads.

    Empty when that may be any file.
    """
    package = json.loads((directory / "package.json").read_text())
    if _reads_all(directory, package):
        return ""
    lock = directory / LOCK
    read = {
        **{
            name: (directory / name).read_text() for name in SETTINGS if (directory / name).exists()
        },
        "package.json": {key: value for key, value in package.items() if key not in OWN},
        LOCK: _without_own(json.loads(lock.read_text())) if lock.exists() else None,
    }
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()


def _reads_all(directory: Path, package: dict[str, Any]) -> bool:
    return bool(
        package.keys() & FIELDS
        or package.get("scripts", {}).keys() & LIFECYCLE
        or any((directory / name).exists() for name in FILES)
        or any(_is_local(package.get(name)) for name in DEPENDENCIES)
    )


def _is_local(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_local, value.values()))
    return isinstance(value, str) and value.startswith(LOCAL)


def _without_own(lock: dict[str, Any]) -> dict[str, Any]:
    """npm repeats the application's own version in its lock file, twice."""
    packages = lock.get("packages", {})
    root = {key: value for key, value in packages.get("", {}).items() if key != "version"}
    rest = {key: value for key, value in lock.items() if key != "version"}
    return {**rest, "packages": {**packages, "": root}}
