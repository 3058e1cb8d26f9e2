"""A data directory is made when the volume is new, completely or not at all, and never twice."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from chatlift_member import mysql_data
from chatlift_member.errors import AgentError
from chatlift_member.wait import Deadline

GROUP = "6f6e5a3e-8c1f-4c39-9b11-0a8f0d9d3e01"

MYSQLD = """#!/bin/sh
for option in "$@"; do
  case $option in
    --datadir=*) datadir=${option#*=} ;;
    --init-file=*) script=${option#*=} ;;
  esac
done
cp "$script" "$datadir/statements"
stat -c %a "$script" > "$datadir/mode"
echo "$script" > "$datadir/where"
touch "$datadir/mysql.ibd"
"""


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A volume, and a stand-in for mysqld on the path."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "run").mkdir()
    stand_in(tmp_path, MYSQLD)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr("shutil.chown", lambda *owner: None)
    return tmp_path


def stand_in(volume: Path, script: str) -> None:
    program = volume / "bin/mysqld"
    program.write_text(script)
    program.chmod(0o755)


def make(volume: Path, sql: tuple[str, ...] = ("SELECT 1",)) -> Path:
    directory = volume / "mysql"
    mysql_data.initialise(
        directory, identity="an-uuid", sql=sql, scratch=volume / "run", deadline=Deadline(10)
    )
    return directory


def test_makes_a_complete_directory_in_its_place(volume: Path) -> None:
    directory = make(volume, ("SELECT 'a'", "SELECT 'é'"))
    assert mysql_data.has_data(directory)
    assert (directory / "statements").read_text() == "SELECT 'a';\nSELECT 'é';\n"
    assert (directory / "auto.cnf").read_text() == "[auto]\nserver-uuid=an-uuid\n"
    assert not (volume / "mysql.new").exists()


def test_secrets_are_on_tmpfs_readable_to_the_server_alone_and_gone_afterwards(
    volume: Path,
) -> None:
    directory = make(volume)
    assert (directory / "mode").read_text() == "600\n"
    script = Path((directory / "where").read_text().strip())
    assert script.parent == volume / "run"
    assert not script.exists()


def test_takes_the_place_of_an_empty_directory_and_of_a_half_made_one(volume: Path) -> None:
    (volume / "mysql").mkdir()
    (volume / "mysql.new").mkdir()
    (volume / "mysql.new/half").touch()
    directory = make(volume)
    assert not (directory / "half").exists()


def test_a_failure_leaves_nothing_in_place_and_says_what_mysqld_said(volume: Path) -> None:
    stand_in(volume, "#!/bin/sh\necho '1 [Note] hm' >&2\necho '2 [ERROR] disk full' >&2\nexit 1\n")
    with pytest.raises(AgentError, match=r"mysqld --initialize failed \(2 \[ERROR\] disk full\)"):
        make(volume)
    assert not mysql_data.has_data(volume / "mysql")


def test_does_not_wait_for_ever(volume: Path) -> None:
    stand_in(volume, "#!/bin/sh\nexec sleep 10\n")
    with pytest.raises(AgentError, match="did not end within 0 s"):
        mysql_data.initialise(
            volume / "mysql", identity="", sql=(), scratch=volume / "run", deadline=Deadline(0)
        )


def test_a_missing_or_empty_directory_has_no_data(tmp_path: Path) -> None:
    assert not mysql_data.has_data(tmp_path / "mysql")
    assert not mysql_data.has_data(tmp_path)


def test_other_files_are_never_taken_for_an_empty_volume(tmp_path: Path) -> None:
    (tmp_path / "backup.tar").touch()
    with pytest.raises(AgentError, match=r"mysql.ibd is missing.*look at what they are"):
        mysql_data.has_data(tmp_path)


def test_a_member_keeps_its_uuid_when_its_volume_is_replaced() -> None:
    first = mysql_data.server_uuid(GROUP, "mysql-a1")
    assert first == mysql_data.server_uuid(GROUP, "mysql-a1")
    assert first != mysql_data.server_uuid(GROUP, "mysql-b1")
    assert UUID(first)
