"""chatlift.aws.ami bakes an image once, says why, and hands its values on as they are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock
from uuid import uuid4

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from botocore.exceptions import ClientError

REPOSITORY = Path(__file__).parents[4]
PLUGINS = "ansible_collections.chatlift.aws.plugins"

# Stands for Packer: says which image it made, and writes what sysprep tells.
FAKE = """#!{python}
import json, os, pathlib, sys
if sys.argv[1] == "version":
    raise SystemExit(print("Packer v1.6.6"))
pathlib.Path("{calls}").write_text(json.dumps(sys.argv))
file = next(a.split("=", 1)[1] for a in sys.argv if a.startswith("-var-file="))
told = json.loads(pathlib.Path(file).read_text())
pathlib.Path("{told}").write_text(json.dumps(told))
pathlib.Path("{roles}").write_text(pathlib.Path(told["ansible_variables"]).read_text())
work = pathlib.Path(told["record_dir"])
told = {{"image": "node", "versions": {{"haproxy": "3.0", "node": "24"}}}}
(work / "node.json").write_text(json.dumps(told))
(work / "node.cdx.json").write_text('{{"bomFormat": "CycloneDX"}}')
image = pathlib.Path("{made}").read_text()
print("1,amazon-ebs.node,artifact,0,id,eu-central-1:" + image)
"""


@pytest.fixture
def bake(
    aws: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Run the action with a fake Packer; each image it \"makes\" is registered beforehand."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    action = import_module(f"{PLUGINS}.action.ami")
    monkeypatch.setattr(action.signal, "signal", lambda *_: None)
    monkeypatch.setattr(action.tempfile, "tempdir", str(tmp_path))
    ec2 = aws("ec2")
    source = ec2.register_image(Name="debian-13-amd64-test", RootDeviceName="/dev/xvda")
    owner = ec2.describe_images(ImageIds=[source["ImageId"]])["Images"][0]["OwnerId"]
    (tmp_path / "role").mkdir()
    (tmp_path / "role" / "main.yml").write_text("a")
    program = tmp_path / "packer"
    names = {name: tmp_path / f"{name}.json" for name in ("calls", "told", "roles", "made")}
    program.write_text(FAKE.format(python=sys.executable, **names))
    program.chmod(0o755)

    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        names["calls"].unlink(missing_ok=True)
        made = ec2.register_image(Name=f"chatlift-{uuid4()}", RootDeviceName="/dev/xvda")["ImageId"]
        names["made"].write_text(made)
        task = MagicMock(check_mode=check, environment=[{"PROOF": "of the task"}], async_val=0)
        task.args = {
            "image": "node",
            "template": str(tmp_path / "templates"),
            "sources": {"node": str(tmp_path / "role")},
            "source_ami": {"owner": owner, "name": "debian-13-*"},
            "executable": str(program),
            **options,
        }
        plugin = action.ActionModule(
            task, MagicMock(), MagicMock(), DataLoader(), Templar(DataLoader()), MagicMock()
        )
        try:
            return dict(plugin.run(task_vars={}))
        finally:
            if names["calls"].exists():
                told = json.loads(names["told"].read_text())
                tags = {"chatlift:image": "node", "chatlift:source-ami": told["source_ami"]}
                ec2.create_tags(
                    Resources=[made], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
                )

    return run


def test_an_image_is_baked_once(bake: Any, aws: Any, tmp_path: Path) -> None:
    first = bake()
    assert first["changed"]
    assert first["reasons"] == ["there is no image node yet"]
    second = bake()
    assert not second["changed"]
    assert second["image_id"] == first["image_id"]
    tags = aws("ec2").describe_images(ImageIds=[first["image_id"]])["Images"][0]["Tags"]
    assert {"Key": "chatlift:versions", "Value": "haproxy=3.0 node=24"} in tags
    assert not list(tmp_path.glob("chatlift-bake-*"))


def test_a_baked_image_has_a_record_and_a_bill_of_materials(bake: Any, tmp_path: Path) -> None:
    baked = bake(records=str(tmp_path / "records"))
    record = json.loads(Path(baked["record"]).read_text())
    assert record["image_id"] == baked["image_id"]
    assert record["inputs"] == baked["inputs"]
    assert record["versions"] == {"haproxy": "3.0", "node": "24"}
    assert json.loads(Path(baked["sbom"]).read_text()) == {"bomFormat": "CycloneDX"}


def test_an_image_that_was_not_completed_is_baked_again(
    bake: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    action = import_module(f"{PLUGINS}.action.ami")
    make_client = action.boto3.client

    def client_without_permission(*arguments: Any, **options: Any) -> Any:
        client = make_client(*arguments, **options)
        refusal = ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "ModifyImageAttribute")
        client.modify_image_attribute = MagicMock(side_effect=refusal)
        return client

    with monkeypatch.context() as patch:
        patch.setattr(action.boto3, "client", client_without_permission)
        with pytest.raises(AnsibleActionFail, match="UnauthorizedOperation"):
            bake()
    assert list(tmp_path.glob("chatlift-bake-*/packer.log")), "the log of a failed bake is kept"
    assert bake(check=True)["changed"]


def test_check_mode_says_why_and_bakes_nothing(bake: Any, tmp_path: Path) -> None:
    bake()
    (tmp_path / "role" / "main.yml").write_text("b")
    result = bake(check=True, variables={"node_version": "24"})
    assert result["changed"]
    assert result["reasons"] == ["node changed", "variables changed"]
    assert "image_id" not in result
    assert not (tmp_path / "calls.json").exists()


@pytest.fixture
def application(tmp_path: Path) -> dict[str, Any]:
    """Options of an image that has an application; further versions are written to ``app``."""
    (tmp_path / "app").write_text("1")
    return {"sources": {"node": str(tmp_path / "role"), "app": str(tmp_path / "app")}}


def _newer_source(aws: Any) -> dict[str, str]:
    """Selects a newer AMI to begin with, as Debian's come out every few days."""
    ec2 = aws("ec2")
    source = ec2.register_image(Name="debian-13-newer", RootDeviceName="/dev/xvda")["ImageId"]
    described = ec2.describe_images(ImageIds=[source])["Images"][0]
    return {"owner": described["OwnerId"], "name": described["Name"]}


def test_a_release_is_made_on_top_of_what_differs_in_nothing_else(
    bake: Any, aws: Any, tmp_path: Path, application: dict[str, Any]
) -> None:
    whole = bake(**application)
    (tmp_path / "app").write_text("2")
    wanted = bake(check=True, **application)
    release = bake(renew=["app"], **application)
    assert release["changed"]
    assert release["reasons"] == ["app changed"]
    assert release["source_ami"] == whole["image_id"]
    assert json.loads((tmp_path / "told.json").read_text())["source_ami"] == whole["image_id"]
    assert release["fingerprint"] == wanted["fingerprint"]
    tags = aws("ec2").describe_images(ImageIds=[release["image_id"]])["Images"][0]["Tags"]
    assert {"Key": "chatlift:origin-ami", "Value": whole["source_ami"]} in tags
    assert not bake(**application)["changed"], "nothing is left to be baked"
    assert not bake(renew=["app"], **application)["changed"]


def test_a_release_is_foretold(bake: Any, tmp_path: Path, application: dict[str, Any]) -> None:
    whole = bake(**application)
    (tmp_path / "app").write_text("2")
    planned = bake(check=True, renew=["app"], **application)
    assert planned["changed"]
    assert planned["source_ami"] == whole["image_id"]
    assert not (tmp_path / "calls.json").exists()


@pytest.mark.parametrize("check", [True, False])
def test_a_release_of_more_than_the_application_is_refused(
    bake: Any, tmp_path: Path, application: dict[str, Any], check: bool
) -> None:
    bake(**application)
    (tmp_path / "app").write_text("2")
    with pytest.raises(
        AnsibleActionFail, match=r"of the newest, ami-\w+: variables changed\. Bake"
    ):
        bake(check=check, renew=["app"], variables={"node_version": "24"}, **application)


def test_a_release_of_nothing_is_refused(bake: Any, application: dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail, match=r"There is no image that could be given a new app"):
        bake(renew=["app"], **application)


def test_a_release_does_not_wait_for_a_bake_because_of_a_newer_source(
    bake: Any, aws: Any, tmp_path: Path, application: dict[str, Any]
) -> None:
    whole = bake(**application)
    application["source_ami"] = _newer_source(aws)
    (tmp_path / "app").write_text("2")
    release = bake(renew=["app"], **application)
    assert release["reasons"] == ["app changed"]
    assert release["source_ami"] == whole["image_id"]
    assert release["inputs"]["source-ami"] == whole["inputs"]["source-ami"]
    assert not bake(renew=["app"], **application)["changed"]
    assert "source-ami changed" in bake(check=True, **application)["reasons"]


def test_a_source_ami_that_is_not_the_recorded_one_proves_nothing(
    bake: Any, aws: Any, tmp_path: Path, application: dict[str, Any]
) -> None:
    whole = bake(**application)
    tags = [{"Key": "chatlift:source-ami", "Value": "ami-1"}]
    aws("ec2").create_tags(Resources=[whole["image_id"]], Tags=tags)
    application["source_ami"] = _newer_source(aws)
    (tmp_path / "app").write_text("2")
    with pytest.raises(AnsibleActionFail, match="source-ami changed"):
        bake(renew=["app"], **application)


def test_where_it_is_baked_is_no_part_of_the_contents(bake: Any) -> None:
    bake()
    assert not bake(packer_variables={"instance_type": "c7i.xlarge"})["changed"]


def test_values_reach_the_roles_without_being_templated(bake: Any, tmp_path: Path) -> None:
    text = "{{ redis_members | join(',') }}"
    bake(variables={"node_environment": {"NODES": text, "PLAIN": "a"}})
    # Read as ansible-playbook reads --extra-vars @file: a marked text stays what it is.
    roles = DataLoader().load_from_file(str(tmp_path / "roles.json"), trusted_as_template=True)
    assert Templar(DataLoader()).template(roles)["node_environment"] == {
        "NODES": text,
        "PLAIN": "a",
    }


def test_the_environment_of_the_task_is_that_of_packer(bake: Any, tmp_path: Path) -> None:
    bake()
    assert os.environ["PROOF"] == "of the task"


def test_a_second_signal_does_not_cut_the_cleaning_up_short(
    collection: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = import_module(f"{PLUGINS}.action.ami")
    handled: dict[int, Any] = {}
    monkeypatch.setattr(action.signal, "signal", handled.__setitem__)
    with pytest.raises(KeyboardInterrupt):
        action._interrupt(action.signal.SIGINT, None)
    ignored = action.signal.SIG_IGN
    assert handled == {action.signal.SIGINT: ignored, action.signal.SIGTERM: ignored}


def test_a_missing_source_ami_is_one_sentence(bake: Any) -> None:
    with pytest.raises(AnsibleActionFail, match=r"Account 1 has no available AMI named none"):
        bake(source_ami={"owner": "1", "name": "none"})


def test_an_unreadable_answer_of_packer_fails(bake: Any, tmp_path: Path) -> None:
    (tmp_path / "packer").write_text(
        f"#!{sys.executable}\nimport sys\n"
        "print('Packer v1.6.6') if sys.argv[1] == 'version' else sys.exit(1)\n"
    )
    with pytest.raises(AnsibleActionFail, match=r"Image node: The bake failed: Packer did not say"):
        bake()


def test_the_specification_of_the_action_is_that_of_the_documentation(collection: None) -> None:
    documented = yaml.safe_load(import_module(f"{PLUGINS}.modules.ami").DOCUMENTATION)["options"]

    def plain(options: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {
                "type": option["type"],
                "default": option.get("default"),
                "required": option.get("required", False),
                "suboptions": plain(option.get("suboptions") or option.get("options") or {}),
            }
            for name, option in options.items()
        }

    assert plain(import_module(f"{PLUGINS}.action.ami").ARGUMENTS) == plain(documented)


def test_the_fingerprint_leaves_out_what_the_archive_leaves_out(collection: None) -> None:
    role = yaml.safe_load(
        (REPOSITORY / "roles" / "node" / "vars" / "main" / "main.yml").read_text()
    )
    action = import_module(f"{PLUGINS}.action.ami")
    assert role["_node_app_excludes"] == action.IGNORE


def test_the_tag_of_versions_has_whole_entries_only(collection: None) -> None:
    utils = import_module(f"{PLUGINS}.module_utils.bake")
    value = utils.versions_tag({f"package-{n:02}": "1.2.3-4+deb13u5" for n in range(20)})
    assert len(value) <= 256
    assert all(part.endswith("=1.2.3-4+deb13u5") for part in value.split())
