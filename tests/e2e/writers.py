"""Writes to every Redis shard and to MySQL, ten a second each: for how long are they interrupted?

    with writing(stack) as writes:
        stack.run_playbook("playbooks/rolling_deploy.yml", "--limit", "redis")
    assert writes.gaps["redis"] <= 1 and not writes.lost

They come from an instance of the application, as its user and by its way: to Redis as a client of
the cluster, to MySQL by the instance's proxy. Neither the application nor what stands before it is
asked, so that what they find is the data tiers' own. The process is one of its own, for Python's
threads hinder each other, and goes before the hosts.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import pymysql
from chatlift_rehearsal.machine.process import go_ahead
from redis import RedisCluster, RedisError

from tests.checker.measures import LongestGap
from tests.e2e.stack import Stack
from tests.e2e.vantage import inside

PAUSE = 0.1
"""Seconds between two writes; a gap contains one."""

PATIENCE = 1.0
"""Seconds until a server that says nothing is taken for one that is gone."""

END_SECONDS = 30.0
READY = "writing"
KEY = "chat:{{writes-{}}}"
TABLE = "chatlift_writes"


class Place(Protocol):
    """Where numbers are written, each greater than the one before."""

    tier: str
    name: str

    def write(self, number: int) -> None:
        """Return when the number is kept; raises RedisError, MySQLError or OSError."""

    def read(self) -> int:
        """The number that is there."""


class Shard:
    """A key of one shard of Redis Cluster."""

    tier = "redis"

    def __init__(self, name: str, key: str, client: Any) -> None:
        self.name, self._key, self._client = name, key, client

    def write(self, number: int) -> None:
        self._client.set(self._key, number, ex=3600)

    def read(self) -> int:
        return int(self._client.get(self._key))


class Row:
    """A row of the application's database; the table is this check's own."""

    tier = name = "mysql"

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._connection: Any = None

    def prepare(self) -> None:
        """Make the table, with one row."""
        self._execute(
            f"CREATE TABLE IF NOT EXISTS {TABLE} (id INT PRIMARY KEY, number BIGINT NOT NULL)"
        )
        self._execute(f"REPLACE INTO {TABLE} VALUES (1, 0)")

    def write(self, number: int) -> None:
        self._execute(f"UPDATE {TABLE} SET number = %s WHERE id = 1", number)

    def read(self) -> int:
        return int(self._execute(f"SELECT number FROM {TABLE} WHERE id = 1")[0][0])

    def remove(self) -> None:
        """Drop the table."""
        self._execute(f"DROP TABLE {TABLE}")

    def _execute(self, statement: str, *values: int) -> Any:
        try:
            if self._connection is None:
                self._connection = pymysql.connect(**self._arguments)
            with self._connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall()
        except (pymysql.MySQLError, OSError):
            if self._connection is not None:
                with suppress(pymysql.MySQLError, OSError):
                    self._connection.close()
            self._connection = None
            raise


class Writer(threading.Thread):
    """Writes to one place until it is told to stop."""

    def __init__(self, place: Place, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.place, self._gap, self._kept = place, LongestGap(), 0
        self._enough = stop
        self._error: Exception | None = None

    def run(self) -> None:
        """Write, and repeat what failed, for as long as it takes."""
        try:
            self._write()
        except Exception as error:  # whoever started the thread raises it
            self._error = error

    def _write(self) -> None:
        self._gap.begin(time.monotonic())
        while not self._enough.wait(PAUSE):
            try:
                self.place.write(self._kept + 1)
            except (RedisError, pymysql.MySQLError, OSError):
                continue
            self._kept += 1
            self._gap.occurred(time.monotonic())
        self._gap.end(time.monotonic())

    def ended(self) -> tuple[float, str]:
        """The longest gap (s) and, if the last number it kept is gone, a sentence; waits for it."""
        self.join()
        if self._error:
            raise self._error
        found = self.place.read()
        if found < self._kept:
            return self._gap.seconds, f"{self.place.name} kept {self._kept}, and has {found}."
        return self._gap.seconds, ""


@dataclass(frozen=True)
class Writes:
    """The longest gap (s) between two writes that were kept, by tier; of Redis, the worst shard's.

    ``lost`` has a sentence for each place that has an older number than the last one it kept.
    """

    gaps: dict[str, float]
    lost: list[str]


def outcome(writers: Sequence[Writer]) -> Writes:
    """What all have found; waits for them."""
    writes = Writes({}, [])
    for writer in writers:
        gap, sentence = writer.ended()
        tier = writer.place.tier
        writes.gaps[tier] = max(gap, writes.gaps.get(tier, 0.0))
        if sentence:
            writes.lost.append(sentence)
    return writes


def _shards(stack: Stack) -> list[Shard]:
    """A key on each shard; to be called where the members may be reached."""
    secret, members = stack.secret("redis"), stack.instances("redis")
    masters: dict[str, str] = {}

    def client() -> Any:
        return RedisCluster(
            host=members[0].address,
            ssl=True,
            ssl_ca_data=secret["ca"],
            username=secret["app_username"],
            password=secret["app_password"],
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
        )

    first, shards = client(), len(stack.leaders("redis"))
    number = 0
    while len(masters) < shards:
        key = KEY.format(number)
        masters.setdefault(first.get_node_from_key(key).name, key)
        number += 1
    # A connection of its own for each, so that none waits for another's.
    return [Shard(name, key, client()) for name, key in masters.items()]


def _row(stack: Stack) -> Row:
    secret = stack.secret("mysql")
    context = ssl.create_default_context(cadata=secret["ca"])
    seconds = ("connect_timeout", "read_timeout", "write_timeout")
    return Row(
        {
            "host": "127.0.0.1",
            "user": secret["app_username"],
            "password": secret["app_password"],
            "database": secret["app_database"],
            "ssl": context,
            "autocommit": True,
            **dict.fromkeys(seconds, 2 * PATIENCE),
        }
    )


def main(name: str) -> None:
    """Write until standard input ends; then print what came of it, as JSON."""
    stack = Stack(name)
    origin = stack.instances("app")[0].id
    stop = threading.Event()
    with inside(origin):
        row = _row(stack)
        row.prepare()
        places: list[Place] = [*_shards(stack), row]
        writers = [Writer(place, stop) for place in places]
        for writer in writers:
            writer.start()  # it stays in the network that it was started in
        print(READY, flush=True)
        sys.stdin.read()
        stop.set()
        writes = outcome(writers)
        row.remove()
    print(json.dumps(asdict(writes)), flush=True)


@contextmanager
def writing(stack: Stack) -> Iterator[Writes]:
    """Write while the body runs; what it yields is filled in afterwards."""
    writes = Writes({}, [])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.writers", stack.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        go_ahead(process.pid)
        try:
            if process.stdout.readline().strip() != READY:
                raise RuntimeError("The writes did not begin; what stopped them is above.")
            yield writes
            told, _ = process.communicate("", END_SECONDS)
            found = json.loads(told)
            writes.gaps.update(found["gaps"])
            writes.lost.extend(found["lost"])
        finally:
            process.kill()


if __name__ == "__main__":
    main(sys.argv[1])
