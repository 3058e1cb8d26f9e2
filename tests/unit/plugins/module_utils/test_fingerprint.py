"""A fingerprint follows contents, and nothing else."""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def fingerprint(collection: None) -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.module_utils.fingerprint")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "role"
    (root / "tasks").mkdir(parents=True)
    (root / "tasks" / "main.yml").write_text("- name: Do it\n")
    (root / "start.sh").write_text("#!/bin/sh\n")
    (root / "start.sh").chmod(0o755)
    (root / "link").symlink_to("start.sh")
    return root


def test_a_copy_elsewhere_at_another_time_with_another_umask_is_equal(
    fingerprint: Any, tree: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "checkout" / "renamed"
    shutil.copytree(tree, copy, symlinks=True)
    (copy / "tasks" / "main.yml").chmod(0o600)
    os.utime(copy / "tasks" / "main.yml", (0, 0))
    assert fingerprint.digest_path(copy) == fingerprint.digest_path(tree)


def _edit(tree: Path) -> None:
    (tree / "tasks" / "main.yml").write_text("- name: Do that\n")


def _rename(tree: Path) -> None:
    (tree / "tasks" / "main.yml").rename(tree / "tasks" / "install.yml")


def _add(tree: Path) -> None:
    (tree / "new").write_text("")


def _cannot_execute(tree: Path) -> None:
    (tree / "start.sh").chmod(0o644)


def _link_elsewhere(tree: Path) -> None:
    (tree / "link").unlink()
    (tree / "link").symlink_to("tasks")


@pytest.mark.parametrize("change", [_edit, _rename, _add, _cannot_execute, _link_elsewhere])
def test_every_change_of_contents_counts(fingerprint: Any, tree: Path, change: Any) -> None:
    before = fingerprint.digest_path(tree)
    change(tree)
    assert fingerprint.digest_path(tree) != before


def test_ignored_names_do_not_count_at_any_depth(fingerprint: Any, tree: Path) -> None:
    before = fingerprint.digest_path(tree, ["node_modules", "*.pyc"])
    (tree / "tasks" / "node_modules").mkdir()
    (tree / "tasks" / "node_modules" / "index.js").write_text("1")
    (tree / "a.pyc").write_text("2")
    assert fingerprint.digest_path(tree, ["node_modules", "*.pyc"]) == before


def test_a_missing_source_is_named(fingerprint: Any, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"gone does not exist.*mend its path"):
        fingerprint.digest_path(tmp_path / "gone")


def test_differences_name_the_inputs(fingerprint: Any) -> None:
    digests = {name: fingerprint.digest(name) for name in ("base", "node", "packer")}
    recorded = fingerprint.short(digests)
    assert fingerprint.differences(recorded, digests) == []
    now = {"base": digests["base"], "node": fingerprint.digest("other"), "app": "0" * 64}
    assert fingerprint.differences(recorded, now) == [
        "node changed",
        "app is new",
        "packer is gone",
    ]
