# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A static front end as a release: its files, what a browser is told of each, and their digest."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from mimetypes import MimeTypes
from pathlib import Path

from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError

INDEX = "index.html"
# A name that begins with a dot is an editor's or a version control's, but for this one (RFC 8615).
WELL_KNOWN = ".well-known"

YEAR = 31_536_000
# For a day CloudFront does not ask the bucket again; a new release invalidates what it holds.
EDGE_SECONDS = 86_400

# The same on every controller: without its /etc/mime.types, and with what Python does not know.
TYPES = MimeTypes()
for suffix, kind in {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}.items():
    TYPES.add_type(kind, suffix)
WITH_CHARSET = ("application/json", "application/manifest+json", "image/svg+xml")


@dataclass(frozen=True)
class File:
    """A file of a release; ``path`` is below the site's root, with slashes."""

    path: str
    source: Path
    sha256: str
    content_type: str
    cache_control: str
    immutable: bool


def read(directory: str, immutable: str, browser_seconds: int) -> list[File]:
    """The files of a front end, by path.

    Args:
        directory: Where index.html is.
        immutable: Regular expression, found in the path of a file whose name changes with its
            contents.
        browser_seconds: For how long a browser may keep any other file without asking.

    Raises:
        ChatliftError: It is no front end, or holds what must not be published by mistake.
    """
    root = Path(directory).expanduser()
    if not (root / INDEX).is_file():
        raise ChatliftError(
            f"chatlift_frontend_dir is {directory!r}, and there is no {INDEX} in it. Write the"
            f" directory that your front end's build fills, such as dist."
        )
    return [
        _file(root, path, re.search(immutable, path) is not None, browser_seconds)
        for path in sorted(_paths(root))
    ]


def digest(files: list[File]) -> str:
    """The same for the same files with the same headers, whoever reads them and when."""
    text = "\n".join(
        "\t".join((file.path, file.sha256, file.content_type, file.cache_control)) for file in files
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def content_type(path: str) -> str:
    kind = TYPES.guess_type(path, strict=False)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind in WITH_CHARSET else kind


def cache_control(immutable: bool, browser_seconds: int) -> str:
    if immutable:
        return f"public, max-age={YEAR}, immutable"
    kept = f"public, max-age={browser_seconds}, s-maxage={EDGE_SECONDS}"
    return kept if browser_seconds else f"{kept}, must-revalidate"


def _paths(root: Path) -> list[str]:
    paths = [path.relative_to(root) for path in root.rglob("*") if path.is_file()]
    return [
        path.as_posix()
        for path in paths
        if not any(part.startswith(".") and part != WELL_KNOWN for part in path.parts)
    ]


def _file(root: Path, path: str, immutable: bool, browser_seconds: int) -> File:
    source = root / path
    if not source.resolve().is_relative_to(root.resolve()):
        raise ChatliftError(
            f"{source} is a link to {source.resolve()}, outside of the front end's directory, and"
            f" would be published. Replace it by a file, or remove it."
        )
    return File(
        path,
        source,
        hashlib.sha256(source.read_bytes()).hexdigest(),
        content_type(path),
        cache_control(immutable, browser_seconds),
        immutable,
    )
