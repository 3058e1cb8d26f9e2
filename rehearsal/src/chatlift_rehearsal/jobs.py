"""Work on many things at once, but on each of them one job at a time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from chatlift_rehearsal.errors import RehearsalError

RETRY_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Jobs:
    """A pool of threads whose jobs have keys; ``done`` is set whenever a job ends."""

    def __init__(self, workers: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._busy: set[str] = set()
        self._resting: dict[str, float] = {}
        self._complaints: dict[str, str] = {}
        self._lock = threading.Lock()
        self.done = threading.Event()

    def busy(self) -> set[str]:
        """The keys that have a job now, or one that failed a moment ago."""
        now = time.monotonic()
        with self._lock:
            self._resting = {key: end for key, end in self._resting.items() if end > now}
            return self._busy | self._resting.keys()

    def submit(self, key: str, work: Callable[[], None]) -> None:
        """Do ``work``; what it raises is logged, once as long as it stays the same."""
        with self._lock:
            self._busy.add(key)
        self._pool.submit(self._work, key, work)

    def stop(self) -> None:
        """Wait for the jobs that have begun, and drop the others."""
        self._pool.shutdown(cancel_futures=True)

    def _work(self, key: str, work: Callable[[], None]) -> None:
        try:
            work()
            self._complaints.pop(key, None)
        except Exception as error:
            with self._lock:
                self._resting[key] = time.monotonic() + RETRY_SECONDS
            if self._complaints.get(key) != str(error):
                self._complaints[key] = str(error)
                # A sentence is enough for what was foreseen; the rest needs its traceback.
                _log.error("%s", error, exc_info=not isinstance(error, RehearsalError))
        finally:
            with self._lock:
                self._busy.discard(key)
            self.done.set()
