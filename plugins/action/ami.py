# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bakes an image on the controller. An action plugin, because a module cannot show progress."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.chatlift.aws.plugins.module_utils import (
    bake,
    fingerprint,
    resources,
    waits,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError
from ansible_collections.chatlift.aws.plugins.plugin_utils import packer
from ansible_collections.chatlift.aws.plugins.plugin_utils.controller import ControllerAction

try:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # run() says so
    boto3 = None

display = Display()

IGNORE = [
    "node_modules",
    ".git",
    ".env",
    ".env.*",
    ".venv",
    ".cache",
    "__pycache__",
    "*.pyc",
    "*.egg-info",
    "*.log",
    ".DS_Store",
]

ARGUMENTS: dict[str, dict[str, Any]] = {
    "image": {"type": "str", "required": True},
    "template": {"type": "path", "required": True},
    "sources": {"type": "dict", "required": True},
    "ignore": {"type": "list", "elements": "str", "default": IGNORE},
    "source_ami": {
        "type": "dict",
        "default": {},
        "apply_defaults": True,
        "options": {
            "owner": {"type": "str", "default": "136693071363"},
            "name": {"type": "str", "default": "debian-13-amd64-*"},
        },
    },
    "renew": {"type": "list", "elements": "str", "default": []},
    "variables": {"type": "dict", "default": {}},
    "packer_variables": {"type": "dict", "default": {}},
    "revision": {"type": "str", "default": ""},
    "records": {"type": "path"},
    "region": {"type": "str"},
    "executable": {"type": "str", "default": "packer"},
}


class ActionModule(ControllerAction):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        if boto3 is None:
            raise AnsibleActionFail(
                f"{sys.executable} lacks boto3: install the packages of requirements.txt into the"
                " environment that ansible-playbook runs in."
            )
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        # This process serves one task, and boto3 and Packer read the environment themselves.
        os.environ.update(self.task_environment())
        # Ansible's workers die of these at once, but Packer has to terminate its instance first.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        try:
            return self._ensure(options)
        except (ChatliftError, BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(f"Image {options['image']}: {error}") from error

    def _ensure(self, options: dict[str, Any]) -> dict[str, Any]:
        """The image with these contents: found, or baked unless in check mode."""
        ec2 = boto3.client("ec2", region_name=options["region"])
        source_ami = bake.source_image(ec2, **options["source_ami"])
        inputs = {
            name: fingerprint.digest_path(Path(path).expanduser(), options["ignore"])
            for name, path in options["sources"].items()
        }
        inputs["variables"] = fingerprint.digest(options["variables"])
        inputs["source-ami"] = fingerprint.digest(source_ami)
        images = bake.images(ec2, options["image"])
        decision = bake.decide(images, options["image"], inputs)
        tags = {}
        if options["renew"] and decision.current is None:
            base = bake.base(images, options["image"], inputs, options["renew"])
            tags["chatlift:origin-ami"] = base.origin
            source_ami, inputs = base.image["ImageId"], base.inputs
            decision = bake.decide(images, options["image"], inputs)
        result = {
            "changed": decision.current is None,
            "fingerprint": fingerprint.digest(inputs),
            "inputs": inputs,
            "reasons": decision.reasons,
            "source_ami": source_ami,
            "diff": _diff(decision, inputs),
        }
        if decision.current is not None:
            return {**result, "image_id": decision.current["ImageId"]}
        on_top = f" on top of {source_ami}" if options["renew"] else ""
        self._say(options, f"to be baked{on_top}: {', '.join(decision.reasons)}")
        packer.check_version(options["executable"])
        if self._task.check_mode:
            return result
        began = time.time()
        baked = self._bake(ec2, options, result, tags)
        waits.note("images", began)
        return {**result, **baked, "waits": waits.noted()}

    def _bake(
        self, ec2: Any, options: dict[str, Any], result: dict[str, Any], tags: dict[str, str]
    ) -> dict[str, Any]:
        """Run Packer and complete what it cannot know of the image before it is made."""
        # Kept when a bake fails, for it holds the log.
        work = Path(tempfile.mkdtemp(prefix=f"chatlift-bake-{options['image']}-"))
        roles_file = work / "variables.json"
        roles_file.write_text(json.dumps(bake.as_text(options["variables"])))
        packer_file = work / "build.pkrvars.json"
        packer_file.write_text(
            json.dumps(
                {
                    **options["packer_variables"],
                    "region": ec2.meta.region_name,
                    "source_ami": result["source_ami"],
                    "source_ami_name": options["source_ami"]["name"],
                    "source_ami_owner": options["source_ami"]["owner"],
                    "ansible_variables": str(roles_file),
                    "record_dir": str(work),
                    "fingerprint": result["fingerprint"],
                    "revision": options["revision"],
                }
            )
        )
        template = Path(options["template"]).expanduser().absolute()
        output = packer.build(
            [
                options["executable"],
                "build",
                "-machine-readable",
                f"-only=amazon-ebs.{options['image']}",
                f"-var-file={packer_file}",
                str(template),
            ],
            directory=template.parent,
            environment={
                **_without_attempts(os.environ),
                "CHECKPOINT_DISABLE": "1",
                "TMPDIR": str(work),
                # ansible-playbook of this installation, whether or not its directory is in PATH.
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            },
            log=work / "packer.log",
            progress=lambda text: self._say(options, text),
        )
        manifest = json.loads((work / f"{options['image']}.json").read_text())
        versions = manifest["versions"]
        ec2.modify_image_attribute(ImageId=output.image_id, ImdsSupport={"Value": "v2.0"})
        # Last and at once: an image with a fingerprint is complete, and is never baked again.
        tags = {
            **tags,
            "chatlift:versions": bake.versions_tag(versions),
            "chatlift:inputs": fingerprint.short(result["inputs"]),
            "chatlift:fingerprint": result["fingerprint"],
        }
        ec2.create_tags(Resources=[output.image_id], Tags=resources.tag_list(tags))
        record = {}
        if options["records"]:
            about = {
                "image_id": output.image_id,
                "region": ec2.meta.region_name,
                "inputs": result["inputs"],
                **manifest,
            }
            record = bake.keep_record(Path(options["records"]).expanduser(), work, about)
        shutil.rmtree(work)
        return {"image_id": output.image_id, "versions": versions, **record}

    @staticmethod
    def _say(options: dict[str, Any], text: str) -> None:
        display.display(f"image {options['image']}: {text}")


def _without_attempts(environment: Mapping[str, str]) -> dict[str, str]:
    """AWS_MAX_ATTEMPTS is how often an SDK repeats a call, but for Packer how often it looks
    whether something has come about: a few times would be too few.

    https://developer.hashicorp.com/packer/integrations/hashicorp/amazon#resolving-issues
    """
    return {name: value for name, value in environment.items() if name != "AWS_MAX_ATTEMPTS"}


def _interrupt(number: int, frame: object) -> None:
    """Unwind, once: Ansible sends more than one signal."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    raise KeyboardInterrupt


def _diff(decision: bake.Decision, inputs: dict[str, str]) -> dict[str, str]:
    before = resources.tag_dict((decision.previous or {}).get("Tags")).get("chatlift:inputs", "")
    if decision.current is not None:
        before = fingerprint.short(inputs)
    return {
        "before": before.replace(" ", "\n") + "\n",
        "after": fingerprint.short(inputs).replace(" ", "\n") + "\n",
    }
