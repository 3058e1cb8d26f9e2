"""Configuration: each ``/etc/chatlift/templates/**.j2`` rendered below ``/run/chatlift``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from .errors import AgentError
from .facts import Facts
from .files import write_atomically
from .tier import Tls

TEMPLATES = Path("/etc/chatlift/templates")
SUFFIX = ".j2"


def variables(facts: Facts, secrets: Mapping[str, str], tls: Tls) -> dict[str, Any]:
    """What a template may use (docs/contracts.md, "On an instance")."""
    identity = facts.identity
    return {
        "stack": identity.stack,
        "region": identity.region,
        "tier": identity.tier,
        "member": identity.member,
        "instance_id": facts.instance_id,
        "az": facts.az,
        "address": facts.address,
        "memory_bytes": facts.memory_bytes,
        "cpus": facts.cpus,
        "redis_members": identity.redis,
        "redis_topology": identity.redis_topology,
        "mysql_members": identity.mysql,
        "mysql_group_name": identity.mysql_group_name,
        "secrets": secrets,
        "tls": tls,
    }


def render_all(values: Mapping[str, Any], target: Path, templates: Path = TEMPLATES) -> list[Path]:
    """Render every template to ``target``, with the template's owner, group and mode.

    All are rendered before the first is written: a broken one changes nothing. Raises an
    `AgentError` that names the template and the line; it never quotes the values.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (configuration files, not HTML)
    )
    environment.filters["sha256"] = _sha256
    rendered = {
        template: _render(environment, template.relative_to(templates), values)
        for template in sorted(templates.rglob(f"*{SUFFIX}"))
    }
    return [
        _install(template, target / template.relative_to(templates).with_suffix(""), text)
        for template, text in rendered.items()
    ]


def _render(environment: jinja2.Environment, name: Path, values: Mapping[str, Any]) -> str:
    try:
        return environment.get_template(str(name)).render(values)
    except jinja2.UndefinedError as error:
        raise AgentError(
            f"The template {name} uses what is not defined: {error.message}."
        ) from None
    except jinja2.TemplateSyntaxError as error:
        raise AgentError(f"The template {name}, line {error.lineno}: {error.message}.") from None


def _install(template: Path, path: Path, text: str) -> Path:
    like = template.stat()
    write_atomically(path, text, mode=like.st_mode & 0o7777, user=like.st_uid, group=like.st_gid)
    return path


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
