"""A member's data directory: made once, when its volume is new, and never again."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from .errors import AgentError
from .mysql_accounts import Version
from .wait import Deadline

OWNER = "mysql"


def server_uuid(group_name: str, member: str) -> str:
    """The server UUID of ``member``: the same after its volume was replaced."""
    return str(uuid.uuid5(uuid.UUID(group_name), member))


def server_version() -> Version:
    """The version of the server in this image."""
    said = subprocess.run(
        ["mysqld", "--no-defaults", "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    ).stdout
    found = re.search(r"Ver (\d+)\.(\d+)\.(\d+)", said)
    if not found:
        raise AgentError(f"mysqld --version says {said.strip()!r}, which names no version.")
    major, minor, patch = map(int, found.groups())
    return major, minor, patch


def has_data(directory: Path) -> bool:
    """Whether ``directory`` is a data directory; False when it is missing or empty.

    Raises `AgentError` when it holds something else, which nobody must overwrite.
    """
    if not directory.is_dir() or not any(directory.iterdir()):
        return False
    if not (directory / "mysql.ibd").is_file():
        raise AgentError(
            f"{directory} holds files but no MySQL data directory (mysql.ibd is missing); "
            "look at what they are, and empty it for the server to be set up anew."
        )
    return True


def initialise(
    directory: Path,
    *,
    identity: str,
    sql: Iterable[str],
    scratch: Path,
    deadline: Deadline,
    options: Iterable[str] = (),
) -> None:
    """Make a data directory that holds nothing but what the statements ``sql`` create.

    It is made beside ``directory`` and renamed when complete, so that a half-made one is never
    served. ``identity`` is the server's UUID; ``scratch`` is a directory on tmpfs, because ``sql``
    holds secrets; ``options`` are what mysqld needs to understand ``sql``.
    """
    new = directory.with_name(f"{directory.name}.new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(mode=0o750)
    shutil.chown(new, OWNER, OWNER)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=scratch, suffix=".sql") as script:
        shutil.chown(script.name, OWNER, OWNER)
        script.writelines(f"{statement};\n" for statement in sql)
        script.flush()
        _mysqld(
            f"--datadir={new}",
            "--initialize-insecure",  # the statements give root's account its protection
            f"--init-file={script.name}",
            *options,
            deadline=deadline,
        )
    (new / "auto.cnf").write_text(f"[auto]\nserver-uuid={identity}\n", encoding="ascii")
    shutil.chown(new / "auto.cnf", OWNER, OWNER)
    new.rename(directory)


def _mysqld(*options: str, deadline: Deadline) -> None:
    command = ["mysqld", "--no-defaults", f"--user={OWNER}", *options]
    try:
        subprocess.run(
            command, check=True, timeout=deadline.remaining(), capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        raise AgentError(
            f"mysqld --initialize did not end within {deadline.seconds:.0f} s."
        ) from None
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if "[ERROR]" in line]
        raise AgentError(
            f"mysqld --initialize failed ({said[0] if said else error.returncode})."
        ) from None
