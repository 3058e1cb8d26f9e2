"""A distribution's access log on its way to the bucket of logs.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html
"""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from chatlift_rehearsal.edge import DistributionView
from chatlift_rehearsal.machine.edge.log_format import LOG_FIELDS

Store = Callable[[str, str, bytes], None]
"""(bucket, key, content): put an object into a bucket as a service of AWS does."""


class AccessLog:
    """The log at ``path``, and beside it the part that is to be sent next."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = path.with_suffix(".next")

    def send(self, distribution: DistributionView, store: Store) -> None:
        """Send the part that was set aside."""
        if not self._next.exists():
            return
        if (text := self._next.read_bytes()) and distribution.log_bucket:
            header = f"#Version: 1.0\n#Fields: {LOG_FIELDS}\n".encode()
            hour = datetime.now(UTC).strftime("%Y-%m-%d-%H")
            name = f"{distribution.id}.{hour}.{secrets.token_hex(4)}.gz"
            content = gzip.compress(header + text)
            store(distribution.log_bucket, distribution.log_prefix + name, content)
        self._next.unlink()

    def set_aside(self) -> None:
        """Take what has been written so far out of the server's way.

        The server is to open its log anew, and may still write to this part until it has.
        """
        if self._path.exists():
            self._path.rename(self._next)
