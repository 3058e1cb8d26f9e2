"""Waiting in the warm pool of the group until the instance is called for.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path

from .errors import AgentError
from .health import Monitor, Status
from .lifecycle import Lifecycle
from .notify import notify

log = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
CHUNK_BYTES = 1 << 20

WAITING = Status.down("warm", "It is prepared and waits in the warm pool of its group.")


def wait_until_called(
    lifecycle: Lifecycle, hook: str, monitor: Monitor, files: Iterable[Path]
) -> bool:
    """Prepare this instance for the warm pool, and return when its group wants it elsewhere.

    At once where it is not meant for a warm pool. An instance that is stopped meanwhile gets here
    again when it boots, called for. False when its group ends it without having called.

    Nothing is done that others could see or that could be out of date by then: no secret is
    fetched, no service is started, no place in a cluster is taken.
    """
    if not lifecycle.is_warm():
        return True
    log.info("Its group wants this instance in the warm pool: preparing.")
    with lifecycle.heartbeats(hook):
        read(files)
        monitor.refresh(lambda: WAITING)
        lifecycle.enter_pool(hook)
    notify("STATUS=Waiting in the warm pool.")
    while lifecycle.is_warm():
        time.sleep(BEAT_SECONDS)
    return not lifecycle.is_leaving()


def read(files: Iterable[Path]) -> None:
    """Read files and everything below directories.

    A new volume fetches each of its blocks from S3 the first time it is read, which makes the first
    start of an application slow. What was read once stays on the volume, also while it is stopped.
    https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html
    """
    for path in files:
        for found in [path, *path.rglob("*")]:
            try:
                if found.is_file():
                    with found.open("rb") as content:
                        while content.read(CHUNK_BYTES):
                            pass
            except OSError as error:
                raise AgentError(f"{found} cannot be read: {error.strerror}.") from None
