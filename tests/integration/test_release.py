"""A release of the application, on the emulated API. The tests build on each other."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import REPOSITORY, WITH_EDGE
from tests.integration.cloud import Cloud

BUCKET = "chatlift-demo-edge-123456789012-eu-central-1"

# Stands for Packer: makes an image of what it is told to launch, as it is.
PACKER = """#!{python}
import json, pathlib, sys, time
if sys.argv[1] == "version":
    raise SystemExit(print("Packer v1.11.2"))
import boto3
file = next(a.split("=", 1)[1] for a in sys.argv if a.startswith("-var-file="))
told = json.loads(pathlib.Path(file).read_text())
pathlib.Path("{told}").write_text(json.dumps(told))
work = pathlib.Path(told["record_dir"])
(work / "node.json").write_text(json.dumps({{"image": "node", "versions": {{"node": "24"}}}}))
(work / "node.cdx.json").write_text("{{}}")
ec2 = boto3.client("ec2", region_name=told["region"])
launched = ec2.run_instances(ImageId=told["source_ami"], MinCount=1, MaxCount=1)["Instances"][0]
tags = {{"chatlift:image": "node", "chatlift:source-ami": told["source_ami"]}}
image = ec2.create_image(
    InstanceId=launched["InstanceId"],
    Name="chatlift-node-" + launched["InstanceId"],
    TagSpecifications=[
        {{"ResourceType": "image", "Tags": [{{"Key": k, "Value": v}} for k, v in tags.items()]}}
    ],
)["ImageId"]
ec2.get_waiter("image_available").wait(
    ImageIds=[image], WaiterConfig={{"Delay": 1, "MaxAttempts": 30}}
)
ec2.terminate_instances(InstanceIds=[launched["InstanceId"]])
print("1,amazon-ebs.node,artifact,0,id,eu-central-1:" + image)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Packer was told last."""
    return tmp_path_factory.mktemp("told") / "told.json"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, told: Path) -> Path:
    programs = tmp_path_factory.mktemp("programs")
    packer = programs / "packer"
    packer.write_text(PACKER.format(python=sys.executable, told=told))
    packer.chmod(0o755)
    return programs


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example, backend and front end, whose versions the tests write."""
    directory = tmp_path_factory.mktemp("chat") / "chat"
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(REPOSITORY / "examples/chat", directory, ignore=ignored)
    return directory


@pytest.fixture(scope="module")
def run(play: Any, application: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Run a playbook for that application, in a stack with an edge."""
    records = tmp_path_factory.mktemp("records")

    def run(name: str, *arguments: str, **options: Any) -> Any:
        directories = {
            "chatlift_app_dir": str(application / "backend"),
            "chatlift_frontend_dir": str(application / "frontend"),
            "image_records": str(records),
        }
        return play(name, *arguments, **{**WITH_EDGE, **directories, **options})

    return run


def _images(cloud: Cloud) -> set[str]:
    found = cloud.client("ec2").describe_images(Owners=["self"])["Images"]
    return {one["ImageId"] for one in found}


def _uploaded(cloud: Cloud) -> list[str]:
    s3 = cloud.client("s3")
    if BUCKET not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        return []
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def _release(application: Path, version: str) -> None:
    """Another version of the application: a line of its source."""
    with (application / "backend/src/index.js").open("a") as source:
        source.write(f"// {version}\n")


def test_a_release_needs_an_image(cloud: Cloud, run: Any) -> None:
    refused = run("release", ok=False)
    assert "There is no image that could be given a new app. Bake" in refused.messages[0]
    assert not _uploaded(cloud)


def test_check_mode_foretells_a_release(
    cloud: Cloud, run: Any, application: Path, told: Path
) -> None:
    whole = run("bake", "--limit", "image-node").result("image-node", "Bake the image")
    told.unlink()
    _release(application, "2")
    planned = run("release", "--check").result("image-node", "Bake the image")
    assert planned["changed"]
    assert planned["reasons"] == ["app changed"]
    assert planned["source_ami"] == whole["image_id"]
    assert _images(cloud) == {whole["image_id"]}
    assert not told.exists()
    assert not _uploaded(cloud)


def test_a_release_is_an_image_that_leaves_nothing_to_bake(
    cloud: Cloud, run: Any, told: Path
) -> None:
    [before] = _images(cloud)
    released = run("release")
    [image_id] = _images(cloud) - {before}
    packer = json.loads(told.read_text())
    assert (packer["playbook"], packer["source_ami"]) == ("release.yml", before)
    said = released.result("image-node", "Say what to do next")["msg"]
    assert f"rolling_deploy.yml --limit app -e app_tier_image_id={image_id}" in said[0]
    assert not run("release").changed
    assert not run("bake", "--limit", "image-node").changed


def test_the_front_end_is_uploaded_and_not_shown(cloud: Cloud) -> None:
    keys = _uploaded(cloud)
    assert any(key.endswith("/index.html") for key in keys)
    assert "releases.json" not in keys


def test_what_else_changed_is_refused(cloud: Cloud, run: Any, application: Path) -> None:
    images, keys = _images(cloud), _uploaded(cloud)
    _release(application, "3")
    (application / "frontend/new.html").touch()
    refused = run("release", ok=False, node_app_command="node src/index.js")
    assert "variables changed. Bake the whole image" in refused.messages[0]
    assert "playbooks/bake.yml --limit image-node" in refused.messages[0]
    assert (_images(cloud), _uploaded(cloud)) == (images, keys)


def test_a_deployment_rolls_out_what_it_makes_and_nothing_else(cloud: Cloud, run: Any) -> None:
    images = _images(cloud)
    for arguments, said in (
        ({"app_tier_image_id": "ami-12345678"}, "without app_tier_image_id (ami-12345678)"),
        ({"node_app_command": "node src/index.js"}, "variables changed. Bake the whole image"),
    ):
        refused = run("deploy", ok=False, **arguments)
        assert any(said in message for message in refused.messages), refused.messages
    refused = run("deploy", "--limit", "app", ok=False)
    assert "Run it without --limit" in refused.messages[0]
    assert _images(cloud) == images
