# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes into an image, as a number: equal contents have equal fingerprints, wherever they lie.

A fingerprint is made of digests of named inputs, so that it can also be said which of them changed.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Iterable, Iterator, Mapping

from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError

# An EC2 tag's value has at most 256 characters; eight digits tell two digests of one input apart.
SHORT = 8


def _files(root: Path, ignore: Iterable[str]) -> Iterator[Path]:
    """Files and symbolic links below ``root``, leaving out names that match a pattern."""
    for directory, names, files in os.walk(root):
        kept = [n for n in names + files if not any(fnmatch.fnmatch(n, p) for p in ignore)]
        names[:] = sorted(set(names) & set(kept))
        here = Path(directory)
        yield from (here / n for n in files if n in kept)
        yield from (here / n for n in names if (here / n).is_symlink())


def _entry(path: Path) -> list[str]:
    """What of a file goes into an image: its kind, whether it can be executed, its bytes.

    The other bits of its mode are the umask of whoever made the checkout.
    """
    if path.is_symlink():
        return ["link", str(path.readlink())]
    executable = bool(path.stat().st_mode & 0o111)
    return ["program" if executable else "file", hashlib.sha256(path.read_bytes()).hexdigest()]


def digest(value: Any) -> str:
    """SHA-256, in hexadecimal, of a value that JSON can hold; the order of keys does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def digest_path(path: Path, ignore: Iterable[str] = ()) -> str:
    """SHA-256, in hexadecimal, of a file or of everything below a directory.

    Args:
        path: What to read. Its own name, its owner and its times are of no account.
        ignore: Patterns of file and directory names that do not count, such as ``node_modules``.

    Raises:
        ChatliftError: There is nothing at ``path``.
    """
    if not path.exists():
        raise ChatliftError(f"{path} does not exist, but the image is made of it: mend its path.")
    if path.is_file():
        return digest(_entry(path))
    return digest({p.relative_to(path).as_posix(): _entry(p) for p in _files(path, tuple(ignore))})


def short(inputs: Mapping[str, str]) -> str:
    """The inputs' digests as the value of a tag: ``base=0a1b2c3d node=…``."""
    return " ".join(f"{name}={value[:SHORT]}" for name, value in sorted(inputs.items()))


def differences(recorded: str, inputs: Mapping[str, str]) -> list[str]:
    """In which inputs an earlier image, by its tag, differs from ``inputs``."""
    before = dict(part.split("=", 1) for part in recorded.split() if "=" in part)
    after = {name: value[:SHORT] for name, value in inputs.items()}
    changed = [n for n in sorted(before.keys() & after.keys()) if before[n] != after[n]]
    return [
        *(f"{name} changed" for name in changed),
        *(f"{name} is new" for name in sorted(after.keys() - before.keys())),
        *(f"{name} is gone" for name in sorted(before.keys() - after.keys())),
    ]
