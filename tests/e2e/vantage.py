"""Connecting from where an instance is: its neighbours' security groups know nobody else."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from chatlift_rehearsal.machine.network import NETNS, Network
from chatlift_rehearsal.settings import Settings

CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_network = Network(Settings.from_environment())


def inside(instance_id: str) -> AbstractContextManager[None]:
    """Make the sockets of this thread in an instance's network, until the block ends.

    They stay there. Needs root; raises OSError when the instance has no network.
    """
    return entered(NETNS / _network.namespace(instance_id))


@contextmanager
def entered(namespace: Path) -> Iterator[None]:
    """Be in a network namespace with this thread, until the block ends."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        there = os.open(namespace, os.O_RDONLY)
        try:
            _set_namespace(there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _set_namespace(here)
    finally:
        os.close(here)


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
