"""Files that appear whole, with their owner and mode, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def write_atomically(
    path: Path, text: str, *, mode: int, user: str | int = 0, group: str | int = 0
) -> None:
    """Replace ``path`` by ``text``; missing parents are made root:root, 0755.

    The owner is set before the name appears, so that nobody ever reads a half-written file or a
    secret with too wide a mode.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
        shutil.chown(name, user, group)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
