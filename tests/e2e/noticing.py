"""People who talk while something happens to the stack, and what they notice of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from chatlift_rehearsal.settings import SERVICE_ADDRESS

from tests.checker.process import Check, checking
from tests.e2e.stack import Stack
from tests.e2e.visitor import AUTHORITY

FEW = ("--clients", "60", "--rate", "30", "--requests", "2", "--registrations", "2")


@contextmanager
def noticing(stack: Stack, limits: Mapping[str, float]) -> Iterator[Check]:
    """Sixty clients talk while the body runs, and notice no more than the limits allow."""
    place = ("--ca", str(AUTHORITY), "--resolver", SERVICE_ADDRESS)
    with checking(stack.url(), *place, *FEW) as check:
        yield check
    print(check.printed)
    assert not check.report.exceeded(limits), check.printed
