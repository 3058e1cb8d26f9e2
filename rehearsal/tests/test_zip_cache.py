"""Code out of zip files: compiled once, and always that of the source."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

PROGRAM = """
import sys
from chatlift_rehearsal import zip_cache
zip_cache.DIRECTORY = sys.argv[1]
zip_cache.install()
sys.path.insert(0, sys.argv[2])
import carried
print(carried.said(), carried.said.__code__.co_filename)
"""


def said(cache: Path, directory: Path, word: str) -> str:
    """What a module says that a new interpreter imports from a zip."""
    archive = directory / "payload.zip"
    directory.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w") as payload:
        payload.writestr("carried.py", f"def said():\n    return {word!r}\n")
    command = (sys.executable, "-c", PROGRAM, str(cache), str(archive))
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_what_was_compiled_is_taken_again_and_names_its_own_file(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert said(cache, tmp_path / "a", "one") == f"one {tmp_path}/a/payload.zip/carried.py"
    (kept,) = cache.iterdir()
    written = kept.stat().st_mtime_ns
    assert said(cache, tmp_path / "b", "one") == f"one {tmp_path}/b/payload.zip/carried.py"
    assert [file.stat().st_mtime_ns for file in cache.iterdir()] == [written]


def test_another_source_is_another_code(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert said(cache, tmp_path / "a", "one").startswith("one ")
    assert said(cache, tmp_path / "a", "two").startswith("two ")
    assert len(list(cache.iterdir())) == 2


def test_a_file_that_is_broken_is_written_anew(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    said(cache, tmp_path / "a", "one")
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:10])
    assert said(cache, tmp_path / "a", "one").startswith("one ")
    assert kept.read_bytes() == whole


def test_without_a_place_to_keep_it_python_compiles(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    assert said(tmp_path / "cache", tmp_path / "a", "one").startswith("one ")
