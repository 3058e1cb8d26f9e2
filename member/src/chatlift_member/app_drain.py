"""Letting the clients go: first the load balancer's new ones, then those that are connected.

A WebSocket that closes makes its client connect again, elsewhere. Closed all at once, the clients
of one instance would fall upon the others in the same second; so they go a few at a time, chosen at
random, spread over the seconds that the application was given.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Sequence

from . import haproxy
from .notify import notify
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

QUIET_SECONDS = 3.0
"""The load balancer has noticed when it has sent nobody for so long."""

NOTICE_SECONDS = 20.0
"""How long it may take to notice: three checks of 5 s, as roles/app_tier asks of it, and some."""

REQUEST_SECONDS = 30.0
"""How long requests under way are waited for."""

TICK_SECONDS = 1.0


def drain(
    seconds: float,
    deadline: Deadline,
    *,
    ask: haproxy.Ask,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Let every client of this instance go, the WebSockets over ``seconds``.

    The instance's health has to fail already. Raises `OSError` when HAProxy does not answer, and
    `NotInTime` when requests are still under way after `REQUEST_SECONDS`.
    """
    _wait_until_quiet(deadline.at_most(NOTICE_SECONDS), ask, clock, sleep)
    ask(f"disable frontend {haproxy.FRONTEND}")
    log.info("No new clients are let in; %d connections are open.", _count(ask))
    end = clock() + min(seconds, deadline.remaining())
    while (open_now := haproxy.streams(ask("show sess"))[0]) and deadline.remaining() > 0:
        left = max(end - clock(), 0)
        for command in haproxy.shutdowns(choose(open_now, left)):
            ask(command)
        notify(f"STATUS=Leaving: {len(open_now)} WebSockets are open, {left:.0f} s to go.")
        sleep(TICK_SECONDS)

    def probe() -> None:
        if under_way := haproxy.streams(ask("show sess"))[1]:
            raise NotYet(f"{len(under_way)} are under way")

    wait_for("the last requests to end", probe, deadline.at_most(REQUEST_SECONDS), sleep=sleep)
    log.info("Every client has gone.")


def choose(
    open_now: Sequence[str], left: float, chance: Callable[[], float] = random.random
) -> list[str]:
    """Which of the open WebSockets to close now, with ``left`` seconds until all have to be.

    As many as keep the pace; a fraction of one is one with that probability.
    """
    if left <= TICK_SECONDS:
        return list(open_now)
    count = math.floor(len(open_now) * TICK_SECONDS / left + chance())
    return random.sample(open_now, count)


def _wait_until_quiet(
    deadline: Deadline,
    ask: haproxy.Ask,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> None:
    """Wait until no request has come for a while, but not for ever: some clients never pause."""
    seen, since = -1, clock()
    while clock() - since < QUIET_SECONDS and deadline.remaining() > 0:
        now = haproxy.requests(ask("show stat"))
        if now != seen:
            seen, since = now, clock()
        sleep(0.25)


def _count(ask: haproxy.Ask) -> int:
    return haproxy.connections(ask("show stat"))
