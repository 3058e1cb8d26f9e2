"""The policies of the role iam, rendered as the role renders them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar

from ..conftest import REGION, STACK

ROLE = Path(__file__).parents[3] / "roles" / "iam"
MEMBERS = ["redis-a1", "redis-b1", "mysql-a1"]


def render(secrets_key: str = "", volume_key: str = "", sessions: bool = False) -> dict[str, Any]:
    """The statements of every role, by ``app`` or the member; redis-a1 has the volume key."""
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True),
        "chatlift_region": REGION,
        "chatlift_stack": STACK,
        "iam_session_manager": sessions,
        "secrets_kms_key_id": secrets_key,
        "groups": {"members": MEMBERS},
        "hostvars": {
            member: {"data_tier_kms_key_id": volume_key} if member == "redis-a1" else {}
            for member in MEMBERS
        },
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    for name in ("combine", "to_json"):
        environment.filters[name] = filter_loader.get(f"ansible.builtin.{name}").j2_function
    known = Templar(loader, variables=variables).template(variables)
    rendered = environment.get_template("policies.yml.j2").render(**known)
    return dict(yaml.safe_load(rendered))
