"""Packs an application into one file, and says what it is and what its dependencies depend on.

    pack.py DIRECTORY PACKAGE_DIRECTORY IGNORED…

IGNORED are patterns of names of files and directories. Prints a JSON object of ``directory``, a new
one that holds ``application.tar``, ``checksum`` (SHA-1, in hexadecimal) and ``dependencies`` (see
`dependencies.digest`). Runs on the controller, with nothing but Python's standard library.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
import tempfile
from fnmatch import fnmatch
from pathlib import Path

import dependencies


def pack(directory: Path, ignored: list[str], archive: Path) -> None:
    """The same files make the same bytes. Their times stay: web servers make validators of them."""

    def entry(found: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if any(fnmatch(Path(found.name).name, pattern) for pattern in ignored):
            return None
        found.uid = found.gid = 0
        found.uname = found.gname = "root"
        found.mtime = int(found.mtime)
        found.mode = 0o755 if found.isdir() or found.mode & 0o111 else 0o644
        return found

    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as packed:
        packed.add(directory, ".", filter=entry)


def main() -> None:
    """Pack, and print."""
    directory, package, *ignored = sys.argv[1:]
    place = Path(tempfile.mkdtemp(prefix="chatlift-application-"))
    archive = place / "application.tar"
    pack(Path(directory), ignored, archive)
    told = {
        "directory": str(place),
        "checksum": hashlib.sha1(archive.read_bytes(), usedforsecurity=False).hexdigest(),
        "dependencies": dependencies.digest(Path(package)),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
