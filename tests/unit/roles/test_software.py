"""sysprep's bill of materials is valid CycloneDX, and names what is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

FILE = Path(__file__).parents[3] / "roles/sysprep/files/software.py"
TOLD = {
    "image": "node",
    "source_ami": "ami-0123456789abcdef0",
    "fingerprint": "0a1b2c",
    "revision": "v1",
    "components": {"node": "24.1.0"},
    "key_packages": ["haproxy", "redis-server"],
}


@pytest.fixture
def software() -> ModuleType:
    """The program that runs on the builder, as a module."""
    spec = importlib.util.spec_from_file_location("software", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def debian(software: ModuleType) -> list[dict[str, Any]]:
    """Two packages, one of which has every mark that a version may have."""
    return [
        software.component("haproxy", "3.0.1-1", "pkg:deb/debian/haproxy@3.0.1-1"),
        software.component(
            "libc++1", "1:2.0~rc1+b1", "pkg:deb/debian/libc%2B%2B1@1%3A2.0~rc1%2Bb1"
        ),
    ]


def _package(where: Path, contents: dict[str, str]) -> None:
    where.mkdir(parents=True)
    (where / "package.json").write_text(json.dumps(contents))


def test_npm_packages_are_found_wherever_they_are_nested(
    software: ModuleType, tmp_path: Path
) -> None:
    modules = tmp_path / "server" / "node_modules"
    _package(modules / "ws", {"name": "ws", "version": "8.0.0"})
    _package(modules / "ws" / "node_modules" / "ms", {"name": "ms", "version": "2.0.0"})
    _package(modules / "@socket.io" / "redis", {"name": "@socket.io/redis", "version": "1.0.0"})
    _package(modules / "ws" / "dist" / "esm", {"type": "module"})
    found = {
        (each["name"], PackageURL.from_string(each["purl"]).name)
        for each in software.npm_packages(tmp_path)
    }
    assert found == {("ws", "ws"), ("ms", "ms"), ("@socket.io/redis", "redis")}


def test_the_manifest_names_the_versions_worth_a_tag(
    software: ModuleType, debian: list[dict[str, Any]]
) -> None:
    manifest = software.manifest(TOLD, debian, [])
    assert manifest["versions"] == {"node": "24.1.0", "haproxy": "3.0.1-1"}
    assert manifest["packages"]["libc++1"] == "1:2.0~rc1+b1"
    assert manifest["source_ami"] == TOLD["source_ami"]


def test_the_bill_of_materials_is_valid(software: ModuleType, debian: list[dict[str, Any]]) -> None:
    text = json.dumps(software.sbom(TOLD, debian))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    purls = [PackageURL.from_string(each["purl"]) for each in json.loads(text)["components"]]
    assert ("libc++1", "1:2.0~rc1+b1") in {(purl.name, purl.version) for purl in purls}
    assert ("node", "24.1.0") in {(purl.name, purl.version) for purl in purls}


def test_documents_are_written_when_they_changed(software: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    assert software.write(file, {"format": 1}, check=True)
    assert not file.exists()
    assert software.write(file, {"format": 1}, check=False)
    assert json.loads(file.read_text()) == {"format": 1}
    assert file.stat().st_mode & 0o777 == 0o644
    assert not software.write(file, {"format": 1}, check=False)


def test_this_host_has_packages(software: ModuleType) -> None:
    names = {each["name"] for each in software.debian_packages()}
    assert {"bash", "dpkg"} <= names
