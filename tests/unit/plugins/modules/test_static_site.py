"""A front end's releases in a bucket, against an emulated account."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ...conftest import REGION, STACK, ModuleFailed

BUCKET = f"chatlift-{STACK}-edge-123456789012-{REGION}"
FILES = {
    "index.html": "<script src=app.0123abcd.js>",
    "app.0123abcd.js": "1",
    "style.css": "p {}",
    ".well-known/security.txt": "Contact:",
    ".git/config": "[core]",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    _write(tmp_path, FILES)
    return tmp_path


def _write(directory: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text(text)


def _next_release(site: Path, number: int) -> None:
    for old in site.glob("app.*"):
        old.unlink()
    _write(site, {"index.html": str(number), f"app.{number:08x}.js": "x"})


def _keys(aws: Any, release: str = "") -> list[str]:
    prefix = f"releases/{release}/" if release else "releases/"
    listed = aws("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return sorted(one["Key"].removeprefix(prefix) for one in listed)


def test_a_front_end_is_uploaded_once(aws: Any, site: Path, run_module: Any) -> None:
    made = run_module("static_site", stack=STACK, directory=str(site))
    assert made["changed"]
    published = [".well-known/security.txt", "app.0123abcd.js", "index.html", "style.css"]
    assert _keys(aws, made["release"]) == made["files"] == published
    again = run_module("static_site", stack=STACK, directory=str(site))
    assert not again["changed"], again["diff"]
    assert again["release"] == made["release"]


def test_only_what_is_missing_is_uploaded(aws: Any, site: Path, run_module: Any) -> None:
    release = run_module("static_site", stack=STACK, directory=str(site))["release"]
    aws("s3").delete_object(Bucket=BUCKET, Key=f"releases/{release}/style.css")
    mended = run_module("static_site", stack=STACK, directory=str(site))
    after, before = (mended["diff"][key][f"release {release}"] for key in ("after", "before"))
    assert set(after) - set(before) == {"style.css"}


def test_browsers_are_told_types_and_how_long_to_keep(
    aws: Any, site: Path, run_module: Any
) -> None:
    release = run_module("static_site", stack=STACK, directory=str(site))["release"]

    def head(path: str) -> tuple[str, str]:
        found = aws("s3").head_object(Bucket=BUCKET, Key=f"releases/{release}/{path}")
        return found["ContentType"], found["CacheControl"]

    assert head("index.html") == (
        "text/html; charset=utf-8",
        "public, max-age=0, s-maxage=86400, must-revalidate",
    )
    assert head("app.0123abcd.js") == (
        "text/javascript; charset=utf-8",
        "public, max-age=31536000, immutable",
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.json", "application/json; charset=utf-8"),
        ("app.webmanifest", "application/manifest+json; charset=utf-8"),
        ("font.woff2", "font/woff2"),
        ("icon.svg", "image/svg+xml; charset=utf-8"),
        ("photo.jpeg", "image/jpeg"),
        ("lib.wasm", "application/wasm"),
        ("LICENSE", "application/octet-stream"),
    ],
)
def test_content_types(path: str, expected: str) -> None:
    release = import_module("ansible_collections.chatlift.aws.plugins.module_utils.site_release")
    assert release.content_type(path) == expected


def test_the_bucket_is_private_encrypted_versioned_and_reached_over_tls(
    aws: Any, site: Path, run_module: Any
) -> None:
    run_module("static_site", stack=STACK, directory=str(site))
    s3 = aws("s3")
    access = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(access.values()) == {True}
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    ownership = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]
    assert ownership["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    tags = {one["Key"]: one["Value"] for one in s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
    assert tags == {"Name": BUCKET, "chatlift:stack": STACK}


def test_what_was_opened_by_hand_is_closed(aws: Any, site: Path, run_module: Any) -> None:
    run_module("static_site", stack=STACK, directory=str(site))
    aws("s3").delete_public_access_block(Bucket=BUCKET)
    mended = run_module("static_site", stack=STACK, directory=str(site))
    assert list(mended["diff"]["after"]) == [f"public access of {BUCKET}"]


def test_statements_of_others_stay(aws: Any, site: Path, run_module: Any) -> None:
    run_module("static_site", stack=STACK, directory=str(site))
    s3 = aws("s3")
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    (mine,) = policy["Statement"]
    nameless = {key: value for key, value in mine.items() if key != "Sid"}
    policy["Statement"] += [{**mine, "Sid": "Other"}, nameless]
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    assert not run_module("static_site", stack=STACK, directory=str(site))["changed"]


def test_a_page_of_the_release_before_finds_its_parts(
    aws: Any, site: Path, run_module: Any
) -> None:
    run_module("static_site", stack=STACK, directory=str(site))
    _next_release(site, 1)
    release = run_module("static_site", stack=STACK, directory=str(site))["release"]
    assert {"app.0123abcd.js", "app.00000001.js"} <= set(_keys(aws, release))
    assert not run_module("static_site", stack=STACK, directory=str(site))["changed"]
    _next_release(site, 2)
    release = run_module("static_site", stack=STACK, directory=str(site))["release"]
    assert "app.0123abcd.js" not in _keys(aws, release)


def test_a_release_that_is_uploaded_ahead_changes_no_other(
    aws: Any, site: Path, run_module: Any
) -> None:
    first = run_module("static_site", stack=STACK, directory=str(site), keep=2)
    history = aws("s3").get_object(Bucket=BUCKET, Key="releases.json")["Body"].read()
    ahead = []
    for number in range(1, 4):
        _next_release(site, number)
        made = run_module("static_site", stack=STACK, directory=str(site), state="uploaded", keep=2)
        assert made["changed"]
        ahead.append(made["release"])
        assert _keys(aws, made["release"]) == made["files"]
    assert _keys(aws, first["release"]) == first["files"]
    assert aws("s3").get_object(Bucket=BUCKET, Key="releases.json")["Body"].read() == history
    again = run_module("static_site", stack=STACK, directory=str(site), state="uploaded")
    assert not again["changed"]
    shown = run_module("static_site", stack=STACK, directory=str(site), keep=2)
    assert set(shown["invalidate"]) >= {"/index.html", "/style.css"}
    assert "app.0123abcd.js" in _keys(aws, ahead[-1]), "a part of the release before"
    assert not _keys(aws, ahead[0]) + _keys(aws, ahead[1]), "what was never shown is gone"
    assert _keys(aws, first["release"])


def test_going_back_makes_a_release_the_newest_again(aws: Any, site: Path, run_module: Any) -> None:
    releases = []
    for number in range(3):
        _next_release(site, number)
        made = run_module("static_site", stack=STACK, directory=str(site), keep=2)
        releases.append(made["release"])
    assert not _keys(aws, releases[0])
    _next_release(site, 1)
    assert run_module("static_site", stack=STACK, directory=str(site), keep=2)["changed"]
    _next_release(site, 3)
    run_module("static_site", stack=STACK, directory=str(site), keep=2)
    assert _keys(aws, releases[1])
    assert not _keys(aws, releases[2])


def test_check_mode_makes_nothing(aws: Any, site: Path, run_module: Any) -> None:
    planned = run_module("static_site", check=True, stack=STACK, directory=str(site))
    assert planned["changed"]
    assert "index.html" in planned["diff"]["after"][f"release {planned['release']}"]
    assert not aws("s3").list_buckets()["Buckets"]


def test_a_directory_without_index_is_refused(aws: Any, tmp_path: Path, run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"there is no index\.html in it\. Write the directory"):
        run_module("static_site", stack=STACK, directory=str(tmp_path))


def test_a_link_out_of_the_directory_is_refused(aws: Any, site: Path, run_module: Any) -> None:
    (site / "keys.txt").symlink_to("/etc/hostname")
    with pytest.raises(ModuleFailed, match="outside of the front end's directory"):
        run_module("static_site", stack=STACK, directory=str(site))


def test_absent_deletes_every_version(aws: Any, site: Path, run_module: Any) -> None:
    run_module("static_site", stack=STACK, directory=str(site))
    aws("s3").delete_object(Bucket=BUCKET, Key="releases.json")
    assert run_module("static_site", stack=STACK, state="absent")["changed"]
    assert not aws("s3").list_buckets()["Buckets"]
    assert not run_module("static_site", stack=STACK, state="absent")["changed"]
