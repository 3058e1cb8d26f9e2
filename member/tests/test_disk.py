"""A volume's fullness is counted as the service sees it, and told in one sentence."""

from pathlib import Path

from chatlift_member import disk, health
from chatlift_member.disk import Disk

PATH = Path("/srv/data")


def test_a_look_counts_what_an_unprivileged_service_may_use(tmp_path: Path) -> None:
    seen = disk.look(tmp_path)
    assert 0 < seen.ratio < 1
    assert seen.free > 0


def test_a_full_volume_has_a_sentence_and_one_with_room_has_none() -> None:
    assert Disk(PATH, used=94, free=6).detail == ""
    detail = Disk(PATH, used=95 << 20, free=5 << 20).detail
    assert detail.startswith("The data volume at /srv/data is 95% full, with 5 MiB free: ")


def test_another_members_metrics_say_whether_it_has_room() -> None:
    def metrics(used: int) -> str:
        measured = Disk(PATH, used, 100 - used).metrics
        status = health.Status(True, False, "replica", "ONLINE", metrics=measured)
        return health.metrics_text(status, "mysql-b1", "mysql")

    assert disk.says_room(metrics(90))
    assert not disk.says_room(metrics(91))
    assert not disk.says_room("chatlift_healthy 1")


def test_a_member_that_does_not_answer_has_no_room() -> None:
    assert not disk.has_room("127.0.0.1", 1)
