"""Sets of transactions are read, compared and written as MySQL does it."""

import pytest
from chatlift_member.gtid import GtidSet

A = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
B = "9eb8b372-bcb7-5c0b-bf27-39d1a2deb3c0"


@pytest.mark.parametrize(
    ("text", "count", "shown"),
    [
        (None, 0, ""),
        ("", 0, ""),
        (f"{A}:5", 1, f"{A}:5"),
        (f"{A}:1-5:11-18", 13, f"{A}:1-5:11-18"),
        (f"{A}:1-3:4-5", 5, f"{A}:1-5"),
        (f"{A}:4-9:1-5", 9, f"{A}:1-9"),
        (f"{B}:1,\n{A}:1-2", 3, f"{A}:1-2,{B}:1"),
        (f"{A.upper()}:1-2", 2, f"{A}:1-2"),
        (f"{A}:1-3:audit:7-8", 5, f"{A}:1-3,{A}:audit:7-8"),
    ],
)
def test_reads_and_writes_the_form_of_gtid_executed(
    text: str | None, count: int, shown: str
) -> None:
    parsed = GtidSet.parse(text)
    assert (len(parsed), str(parsed)) == (count, shown)
    assert bool(parsed) is (count > 0)


@pytest.mark.parametrize("text", [f"{A}:1-x", f"{A}:1-2-3"])
def test_refuses_what_is_no_interval(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        GtidSet.parse(text)


@pytest.mark.parametrize(
    ("whole", "part", "left"),
    [
        (f"{A}:1-10", f"{A}:1-10", ""),
        (f"{A}:1-10", "", f"{A}:1-10"),
        ("", f"{A}:1-10", ""),
        (f"{A}:1-10", f"{A}:3-4:6", f"{A}:1-2:5:7-10"),
        (f"{A}:3-4", f"{A}:1-10", ""),
        (f"{A}:1-5:8-9", f"{A}:5-8", f"{A}:1-4:9"),
        (f"{A}:1-5,{B}:1", f"{A}:1-5", f"{B}:1"),
        (f"{A}:x:1-3", f"{A}:1-3", f"{A}:x:1-3"),
    ],
)
def test_subtraction_leaves_what_only_the_first_has(whole: str, part: str, left: str) -> None:
    assert str(GtidSet.parse(whole) - GtidSet.parse(part)) == left
    assert (GtidSet.parse(part) >= GtidSet.parse(whole)) is (left == "")


def test_union_joins_what_touches() -> None:
    united = GtidSet.parse(f"{A}:1-4:8") | GtidSet.parse(f"{A}:5-6,{B}:1")
    assert str(united) == f"{A}:1-6:8,{B}:1"
