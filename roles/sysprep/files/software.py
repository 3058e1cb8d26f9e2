"""Writes down what is installed on this host: the image's manifest and its bill of materials.

    python3 - TOLD DIRECTORY [--check]

TOLD is what only the bake knows, a JSON object of ``image``, ``source_ami``, ``fingerprint``,
``revision``, ``components`` (version by name of what is no package) and ``key_packages``. The files
are ``manifest.json`` and ``sbom.cdx.json`` (CycloneDX 1.6). Prints the names of those that changed;
with ``--check`` none is written.

Runs on the builder: nothing but Python's standard library.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

APPLICATION = Path("/opt/chatlift/app")
SPEC_VERSION = "1.6"

Component = dict[str, Any]


def debian_packages() -> Iterator[Component]:
    """Every installed Debian package."""
    fields = ("${db:Status-Status}", "${Package}", "${Version}", "${Architecture}")
    listing = subprocess.run(
        ["dpkg-query", "--show", "--showformat", " ".join(fields) + r"\n"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for status, name, version, architecture in map(str.split, listing.splitlines()):
        if status == "installed":
            where = f"?arch={architecture}&distro=debian-13"
            yield component(name, version, f"pkg:deb/debian/{quote(name)}@{quote(version)}{where}")


def npm_packages(root: Path) -> Iterator[Component]:
    """Every package below ``root``'s node_modules, whichever package manager put it there."""
    for file in root.glob("**/node_modules/**/package.json"):
        where = file.parent
        if where.parent.name != "node_modules" and not where.parent.name.startswith("@"):
            continue  # such a file deep inside a package only says how its modules are loaded
        told = json.loads(file.read_text())
        name, version = told.get("name"), told.get("version")
        if name and version:
            yield component(name, version, f"pkg:npm/{quote(name)}@{quote(version)}")


def component(name: str, version: str, purl: str) -> Component:
    """One component of the bill of materials; its package URL is also its identifier."""
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def unique(components: Iterable[Component]) -> list[Component]:
    """In the order of identifiers, each of them once."""
    found = {each["bom-ref"]: each for each in components}
    return [found[ref] for ref in sorted(found)]


def manifest(told: dict[str, Any], debian: list[Component], npm: list[Component]) -> dict[str, Any]:
    """The contents of ``/etc/chatlift/manifest.json``."""
    packages = {package["name"]: package["version"] for package in debian}
    keys = {name: packages[name] for name in told["key_packages"] if name in packages}
    modules: dict[str, list[str]] = {}
    for package in npm:
        modules.setdefault(package["name"], []).append(package["version"])
    return {
        "format": 1,
        **{name: told[name] for name in ("image", "source_ami", "fingerprint", "revision")},
        "versions": {**told["components"], **keys},
        "packages": packages,
        "npm": modules,
    }


def sbom(told: dict[str, Any], packages: list[Component]) -> dict[str, Any]:
    """The same as a CycloneDX document; equal contents make equal documents."""
    image = f"chatlift-{told['image']}"
    others = (
        component(name, version, f"pkg:generic/{quote(name)}@{quote(version)}")
        for name, version in told["components"].items()
    )
    components = unique((*packages, *others))
    contents = json.dumps([told["fingerprint"], components])
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, contents)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "operating-system",
                "bom-ref": image,
                "name": image,
                "version": told["fingerprint"] or "unknown",
            }
        },
        "components": components,
        "dependencies": [{"ref": image, "dependsOn": [each["bom-ref"] for each in components]}],
    }


def write(file: Path, contents: dict[str, Any], *, check: bool) -> bool:
    """Whether the file did not have these contents; unless it is only checked, it then has."""
    text = json.dumps(contents, indent=1, sort_keys=True) + "\n"
    if file.exists() and file.read_text() == text:
        return False
    if not check:
        file.write_text(text)
        file.chmod(0o644)
    return True


def main() -> None:
    """Write both documents."""
    told, directory, check = json.loads(sys.argv[1]), Path(sys.argv[2]), "--check" in sys.argv
    debian, npm = unique(debian_packages()), unique(npm_packages(APPLICATION))
    documents = {
        "manifest.json": manifest(told, debian, npm),
        "sbom.cdx.json": sbom(told, [*debian, *npm]),
    }
    for name, contents in documents.items():
        if write(directory / name, contents, check=check):
            print(name)


if __name__ == "__main__":
    main()
