"""The gateway: local ports for applications that know neither TLS nor passwords.

It listens on the loopback address of an app instance, logs in at Redis and MySQL with the user and
password of the application's secret, over TLS, and carries bytes from then on. Where the server is,
it leaves to HAProxy, which also ends the sessions with a server that no longer leads.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import AgentError
from .gateway_mysql import MySqlSession
from .gateway_redis import RedisSession
from .gateway_session import CHUNK, LOOPBACK, Refused, Route, Session, Stream
from .notify import notify
from .tier import RUN

log = logging.getLogger(__name__)

SETTINGS = RUN / "gateway/gateway.json"
LOGIN_SECONDS = 10.0
"""For a login. MySQL gives a client as long: connect_timeout."""

REPEAT_SECONDS = 10.0
"""How long the same failure is not logged again: applications connect again and again."""

SESSIONS: dict[str, type[RedisSession] | type[MySqlSession]] = {
    "redis": RedisSession,
    "mysql": MySqlSession,
}


@dataclass(frozen=True)
class Settings:
    """The contents of `SETTINGS`, and of the file of the certificate authority that it names."""

    routes: dict[str, Route]
    tls: ssl.SSLContext


def load(path: Path = SETTINGS) -> Settings:
    """The settings in ``path``; raises `AgentError`."""
    try:
        document = json.loads(path.read_text())
        authority = document.pop("ca")
        return Settings(
            routes={name: Route(**route) for name, route in document.items()},
            tls=ssl.create_default_context(cafile=authority),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AgentError(
            f"The gateway's settings in {path} cannot be used ({type(error).__name__}: {error}); "
            "the member agent writes them."
        ) from None


class Gateway:
    """Serves the routes of its settings."""

    def __init__(self, path: Path = SETTINGS) -> None:
        self._path = path
        self._settings = load(path)
        self._logged: dict[str, float] = {}

    async def run(self) -> None:
        """Listen until SIGTERM, which ends every session; raises `AgentError`."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        for name, route in self._settings.routes.items():
            await self.listen(name, route.port)
            log.info("The gateway serves %s on %s:%d.", SESSIONS[name].title, LOOPBACK, route.port)
        notify("READY=1")
        await stopping.wait()

    def reload(self) -> None:
        """Use a new password or authority for sessions that begin from now on."""
        try:
            self._settings = load(self._path)
        except AgentError as error:
            log.error("%s The former settings stay in use.", error)
        else:
            log.info("The gateway has read its settings again.")

    async def listen(self, name: str, port: int) -> asyncio.Server:
        """Serve the route ``name`` on ``port``."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._serve(name, Stream(reader, writer))

        try:
            return await asyncio.start_server(serve, LOOPBACK, port, limit=CHUNK, backlog=1024)
        except OSError as error:
            raise AgentError(
                f"The gateway cannot listen on {LOOPBACK}:{port} ({error.strerror}): "
                "HAProxy has to leave that port to it."
            ) from None

    async def _serve(self, name: str, client: Stream) -> None:
        route = self._settings.routes[name]
        session = SESSIONS[name](client, route, self._settings.tls)
        try:
            if await self._log_in(session, route, client):
                await session.relay()
        except (OSError, EOFError):
            pass  # either side went away, which is how most sessions end
        except AgentError as error:
            self._complain(str(error))
        finally:
            await session.close()

    async def _log_in(self, session: Session, route: Route, client: Stream) -> bool:
        try:
            async with asyncio.timeout(LOGIN_SECONDS):
                return await session.log_in()
        except Refused as error:
            return await self._refuse(session, client, str(error))
        except (OSError, EOFError) as error:
            sentence = (
                f"{session.title} cannot be reached through {LOOPBACK}:{route.server_port} "
                f"({_reason(error)}); connect again, HAProxy looks for the server that leads."
            )
            return await self._refuse(session, client, sentence)

    async def _refuse(self, session: Session, client: Stream, sentence: str) -> bool:
        self._complain(sentence)
        await client.send(session.error(sentence))
        return False

    def _complain(self, sentence: str) -> None:
        now = time.monotonic()
        if now - self._logged.get(sentence, -REPEAT_SECONDS) >= REPEAT_SECONDS:
            self._logged = {sentence: now}
            log.warning("%s", sentence)


def _reason(error: OSError | EOFError) -> str:
    if isinstance(error, EOFError):
        return "it closed the connection"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"no answer within {LOGIN_SECONDS:.0f} s"
    return os.strerror(error.errno) if error.errno else "it closed the connection"
