"""What an instance does on its way into a warm pool, and in it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from chatlift_member import warm_pool
from chatlift_member.errors import AgentError
from chatlift_member.health import Monitor
from chatlift_member.warm_pool import read, wait_until_called


class Lifecycle:
    """An instance that is called for when it has looked often enough."""

    def __init__(self, looks: int, leaving: bool = False) -> None:
        self.looks = looks
        self.leaving = leaving
        self.entered: list[str] = []

    def is_warm(self) -> bool:
        self.looks -= 1
        return self.looks >= 0

    def is_leaving(self) -> bool:
        return self.leaving

    def enter_pool(self, hook: str) -> bool:
        self.entered.append(hook)
        return True

    def heartbeats(self, hook: str) -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_pool.time, "sleep", lambda _: None)


def wait(lifecycle: Lifecycle, monitor: Monitor, *files: Path) -> bool:
    return wait_until_called(lifecycle, "launch", monitor, files)  # type: ignore[arg-type]


def test_nothing_is_waited_for_without_a_pool() -> None:
    lifecycle, monitor = Lifecycle(0), Monitor()
    assert wait(lifecycle, monitor, Path("/nonexistent"))
    assert lifecycle.entered == []
    assert monitor.status().state == "starting"


@pytest.mark.parametrize("leaving", [False, True])
def test_the_pool_is_left_when_the_group_says_so(tmp_path: Path, leaving: bool) -> None:
    lifecycle, monitor = Lifecycle(5, leaving), Monitor()
    assert wait(lifecycle, monitor, tmp_path) is not leaving
    assert lifecycle.looks == -1
    assert lifecycle.entered == ["launch"]
    assert (monitor.status().state, monitor.status().healthy) == ("warm", False)


def test_files_are_read_whatever_else_there_is(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * (warm_pool.CHUNK_BYTES + 1))
    (tmp_path / "dangling").symlink_to("nowhere")
    read([tmp_path, tmp_path / "below" / "file", tmp_path / "absent"])


def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, mode: str) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / "file").touch()
    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(AgentError, match=rf"{tmp_path}/file cannot be read: Input/output error"):
        read([tmp_path])
