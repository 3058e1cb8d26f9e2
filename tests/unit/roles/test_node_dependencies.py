"""A release keeps the dependencies of the image below it exactly when they would be the same."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FILES = Path(__file__).parents[3] / "roles/node/files"
PACKAGE: dict[str, Any] = {
    "name": "chat",
    "version": "1.0.0",
    "scripts": {"start": "node ."},
    "dependencies": {"ws": "^8.0.0"},
}
LOCK: dict[str, Any] = {
    "name": "chat",
    "version": "1.0.0",
    "packages": {
        "": {"version": "1.0.0", "dependencies": {"ws": "^8.0.0"}},
        "node_modules/ws": {"version": "8.0.0"},
    },
}


@pytest.fixture(autouse=True)
def own_place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is packed is not left on the machine."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("packed")))


def _run(program: str, *arguments: str) -> Any:
    command = [sys.executable, str(FILES / program), *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture
def digest(tmp_path: Path) -> Callable[..., str]:
    """The digest of an application's dependencies; ``files`` are its further files."""

    def run(package: dict[str, Any] = PACKAGE, lock: Any = LOCK, **files: str) -> str:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        directory.mkdir()
        (directory / "package.json").write_text(json.dumps(package))
        if lock:
            (directory / "package-lock.json").write_text(json.dumps(lock))
        for name, text in files.items():
            (directory / name).write_text(text)
        packed = _run("pack.py", str(directory), str(directory), "node_modules")
        return str(packed["dependencies"])

    return run


def test_source_code_and_version_say_nothing_of_dependencies(digest: Any) -> None:
    root = {**LOCK["packages"][""], "version": "2.0.0"}
    lock = {**LOCK, "version": "2.0.0", "packages": {**LOCK["packages"], "": root}}
    package = {**PACKAGE, "version": "2.0.0", "scripts": {"start": "node ./other.js"}}
    assert len(digest()) == 64
    assert digest() == digest(package, lock, **{"index.js": "1", "README": "2"})


@pytest.mark.parametrize(
    "changed",
    [
        {"package": {**PACKAGE, "dependencies": {"ws": "^9.0.0"}}},
        {"package": {**PACKAGE, "overrides": {"ms": "2.1.2"}}},
        {"package": {**PACKAGE, "engines": {"node": ">=24"}}},
        {"lock": {**LOCK, "packages": {**LOCK["packages"], "node_modules/ms": {}}}},
        {"lock": None},
        {".npmrc": "omit=optional"},
        {"lock": None, "yarn.lock": "ws@8"},
    ],
)
def test_what_an_installation_reads_counts(digest: Any, changed: dict[str, Any]) -> None:
    assert len(digest(**changed)) == 64
    assert digest(**changed) != digest()


@pytest.mark.parametrize(
    "files",
    [
        {"package": {**PACKAGE, "scripts": {"postinstall": "node patch.js"}}},
        {"package": {**PACKAGE, "workspaces": ["server"]}},
        {"package": {**PACKAGE, "dependencies": {"shared": "file:../shared"}}},
        {"package": {**PACKAGE, "overrides": {"ws": {"ms": "./ms"}}}},
        {"binding.gyp": "{}"},
        {"pnpm-workspace.yaml": ""},
    ],
)
def test_where_any_file_may_be_read_there_is_no_digest(digest: Any, files: dict[str, Any]) -> None:
    assert digest(**files) == ""


def _package(where: Path, contents: dict[str, Any]) -> None:
    where.mkdir(parents=True)
    (where / "package.json").write_text(json.dumps(contents))


def test_packages_that_ran_scripts_are_named(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    _package(modules / "ws", {"name": "ws", "scripts": {"test": "x"}})
    _package(modules / "ws" / "lib", {"name": "lib", "scripts": {"install": "x"}})
    _package(modules / "bcrypt", {"name": "bcrypt", "scripts": {"install": "node-gyp rebuild"}})
    _package(modules / "ws" / "node_modules" / "@a" / "b", {"name": "@a/b"})
    (modules / "ws" / "node_modules" / "@a" / "b" / "binding.gyp").touch()
    assert _run("install_scripts.py", str(modules)) == ["@a/b", "bcrypt"]
    assert _run("install_scripts.py", str(tmp_path / "none")) == []


def test_the_same_files_make_the_same_archive(tmp_path: Path) -> None:
    directory = tmp_path / "app"
    (directory / "src" / "node_modules" / "ws").mkdir(parents=True)
    (directory / "src" / "run").write_text("1")
    (directory / "src" / "run").chmod(0o700)
    (directory / "package.json").write_text("{}")
    (directory / "package.json").chmod(0o600)
    (directory / ".env.local").write_text("SECRET=1")
    arguments = (str(directory), str(directory), "node_modules", ".env", ".env.*")
    packed = _run("pack.py", *arguments)
    with tarfile.open(Path(packed["directory"]) / "application.tar") as archive:
        entries = {one.name: (one.mode, one.uid, one.gname) for one in archive}
    assert entries == {
        ".": (0o755, 0, "root"),
        "./package.json": (0o644, 0, "root"),
        "./src": (0o755, 0, "root"),
        "./src/run": (0o755, 0, "root"),
    }
    assert _run("pack.py", *arguments)["checksum"] == packed["checksum"]
    (directory / "src" / "run").write_text("2")
    assert _run("pack.py", *arguments)["checksum"] != packed["checksum"]


def test_pip_runs_from_one_file(tmp_path: Path) -> None:
    file = tmp_path / "pip.zip"
    command = [sys.executable, str(FILES / "own_pip.py"), str(file)]
    subprocess.run(command, check=True)
    run = subprocess.run(
        [sys.executable, "-m", "pip", "--version"],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(file)},
    )
    assert str(file) in run.stdout
