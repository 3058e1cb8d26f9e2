"""Keeps what Python compiles out of zip files, as it keeps it beside the files of a directory.

Ansible sends a module as a zip of source files, and Python compiles about sixty of them whenever a
module begins. ``setup.sh`` lets every Python of the virtual environment import this
(``zip-cache.pth``); the interpreter's own way is the fallback. See docs/decisions/0013.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
import zipimport
from types import CodeType

# No more is imported before it is needed: it would make every start of Python slower.
DIRECTORY = os.path.join(sys.prefix, "zip-cache", sys.implementation.cache_tag or "none")  # noqa: PTH118


def install() -> None:
    """Let Python look here first from now on."""
    compile_source = getattr(zipimport, "_compile_source", None)
    if compile_source is None:
        return

    def cached(pathname: str, source: bytes) -> CodeType:
        from hashlib import blake2b

        path = f"{DIRECTORY}/{blake2b(source, digest_size=16).hexdigest()}"
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                code: CodeType = marshal.loads(file.read())  # noqa: S302 - written below
            _imp._fix_co_filename(code, pathname)  # type: ignore[attr-defined]
        except (OSError, EOFError, TypeError, ValueError):
            code = compile_source(pathname, source)
            _keep(path, marshal.dumps(code))
        return code

    zipimport._compile_source = cached  # type: ignore[attr-defined]


def _keep(path: str, content: bytes) -> None:
    """Write a file as a whole or not at all; what cannot be kept is compiled again."""
    unfinished = f"{path}.{os.getpid()}"
    try:
        os.makedirs(DIRECTORY, exist_ok=True)  # noqa: PTH103
        with open(unfinished, "wb") as file:  # noqa: PTH123
            file.write(content)
        os.replace(unfinished, path)  # noqa: PTH105
    except OSError:
        return
