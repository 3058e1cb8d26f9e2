"""The command ``chatlift-member``."""

from __future__ import annotations

import argparse
import asyncio
import http.client
import logging
import signal
import sys
from types import FrameType

from . import mysql_force, redis_sentinel
from .errors import Abandoned, AgentError
from .gateway import Gateway
from .health import PORT
from .tier import DATA, RUN

EXIT_FAILED = 1
"""systemd starts the agent again."""

EXIT_ABANDONED = 76
"""The launch was abandoned; the unit names this code, so that systemd does not start it again."""

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


class JournalFormatter(logging.Formatter):
    """Lines with the priority that journald reads from their beginning (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        """``<6>text``; the lines of a traceback get the same priority."""
        mark = f"<{_PRIORITIES.get(record.levelno, 2)}>"
        return "\n".join(mark + line for line in super().format(record).splitlines())


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="chatlift-member", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    agent = commands.add_parser("run", help="be the member; started by chatlift-member.service")
    agent.add_argument(
        "--metrics-seconds",
        type=float,
        default=60,
        help="between two publications to CloudWatch (%(default)s)",
    )
    commands.add_parser("logs", help="forward the journal; started by chatlift-logs.service")
    commands.add_parser(
        "gateway", help="log in at Redis and MySQL for applications; started by chatlift-gateway"
    )
    commands.add_parser("status", help="print the health of this member; exit 0 when it is good")
    commands.add_parser(
        "sentinel-config", help="write Sentinel's file; run before redis-sentinel.service starts"
    )
    force = commands.add_parser(
        "force-bootstrap",
        help="MySQL, replicated Redis: let this member lead although it may lack what others have",
    )
    force.add_argument("--reason", required=True, help="why, and on whose word; for the journal")
    chosen = parser.parse_args(arguments)
    if chosen.command == "run":
        return run(chosen.metrics_seconds)
    if chosen.command == "logs":
        return forward_logs()
    if chosen.command == "gateway":
        return serve_gateway()
    if chosen.command == "sentinel-config":
        return write_sentinel_config()
    if chosen.command == "force-bootstrap":
        return force_bootstrap(chosen.reason)
    return status()


def run(metrics_seconds: float) -> int:
    """Run the agent until the instance leaves its group."""
    from .agent import Agent  # boto3 takes half a second, which the gateway need not wait

    _log_to_the_journal()
    signal.signal(signal.SIGTERM, _end)
    try:
        Agent.create(metrics_seconds).run()
    except Abandoned as error:
        logging.error("The launch is abandoned. %s", error)
        return EXIT_ABANDONED
    except AgentError as error:
        logging.error("%s", error)
        return EXIT_FAILED
    return 0


def forward_logs() -> int:
    """Forward the journal until systemd ends the service."""
    from . import logs  # as above

    _log_to_the_journal()
    try:
        logs.run()
    except AgentError as error:
        logging.error("%s", error)
        return EXIT_FAILED
    return 0


def serve_gateway() -> int:
    """Serve applications that know neither TLS nor passwords until systemd ends the service."""
    _log_to_the_journal()
    try:
        asyncio.run(Gateway().run())
    except AgentError as error:
        logging.error("%s", error)
        return EXIT_FAILED
    return 0


def write_sentinel_config() -> int:
    """Join what the agent rendered and what Sentinel learned before."""
    try:
        redis_sentinel.write_config(RUN, DATA)
    except OSError as error:
        print(f"Sentinel's file cannot be written: {error}.", file=sys.stderr)
        return EXIT_FAILED
    return 0


def status() -> int:
    """Print what port 8008 says."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=3)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        print(response.read().decode())
    except OSError as error:
        print(f"The agent does not answer on port {PORT}: {error}.", file=sys.stderr)
        return 1
    return 0 if response.status == http.client.OK else 1


def force_bootstrap(reason: str) -> int:
    """Leave an operator's order for the running agent, which logs it when it obeys."""
    mysql_force.order(reason)
    print(
        "Ordered; the agent obeys once it sees that nobody leads (journalctl -fu chatlift-member)."
    )
    return 0


def _log_to_the_journal() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(JournalFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("chatlift_member").setLevel(logging.INFO)


def _end(signum: int, frame: FrameType | None) -> None:
    """Stop the agent only: the member's service goes on."""
    sys.exit(0)
