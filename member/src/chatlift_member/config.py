"""Configuration: each file below ``/etc/chatlift/templates`` rendered below ``/run/chatlift``.

``X.j2`` is a Jinja2 text, ``X.data`` a document (see `documents`); both become ``X``. What has
``{process}`` in its path is rendered once for each process of the application.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import jinja2

from .documents import render_document
from .errors import AgentError
from .facts import Facts
from .files import write_atomically
from .redis_sentinel import place
from .tier import Tls

TEMPLATES = Path("/etc/chatlift/templates")
PROCESS = "{process}"
PORTS = 3000
"""Process n of the application listens on this port + n."""


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
        "release": facts.release,
        "address": facts.address,
        "memory_bytes": facts.memory_bytes,
        "cpus": facts.cpus,
        "redis_members": identity.redis,
        "redis_topology": identity.redis_topology,
        "redis_sentinels": place(identity.redis),
        "mysql_members": identity.mysql,
        "mysql_group_name": identity.mysql_group_name,
        "active_address": "",
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
    environment.filters["redis_quote"] = _redis_quote
    environment.globals["refuse"] = _refuse
    rendered = {
        path: (template, _render(environment, templates, template, own_values))
        for template in sorted(templates.rglob("*"))
        if template.suffix in RENDERERS
        for path, own_values in _copies(template.relative_to(templates).with_suffix(""), values)
    }
    return [_install(template, target / path, text) for path, (template, text) in rendered.items()]


def _copies(path: Path, values: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The files that a template makes, with the variables of each.

    There may be as many processes as cores, counted from 1; 0 is the release command.
    """
    if PROCESS not in path.parts:
        yield path, values
        return
    for process in range(values["cpus"] + 1):
        copy = Path(*(str(process) if part == PROCESS else part for part in path.parts))
        yield copy, {**values, "process": process, "port": PORTS + process}


def _render(
    environment: jinja2.Environment, templates: Path, template: Path, values: Mapping[str, Any]
) -> str:
    name = template.relative_to(templates)
    try:
        return RENDERERS[template.suffix](environment, template.read_text(), values)
    except jinja2.UndefinedError as error:
        raise AgentError(
            f"The template {name} uses what is not defined: {error.message}."
        ) from None
    except jinja2.TemplateSyntaxError as error:
        raise AgentError(f"The template {name}, line {error.lineno}: {error.message}.") from None


def _render_text(environment: jinja2.Environment, text: str, values: Mapping[str, Any]) -> str:
    return environment.from_string(text).render(values)


RENDERERS: Mapping[str, Callable[[jinja2.Environment, str, Mapping[str, Any]], str]] = {
    ".j2": _render_text,
    ".data": render_document,
}


def _install(template: Path, path: Path, text: str) -> Path:
    like = template.stat()
    write_atomically(path, text, mode=like.st_mode & 0o7777, user=like.st_uid, group=like.st_gid)
    return path


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse(sentence: str) -> NoReturn:
    """For a template that cannot serve this stack: what the image holds and the stack differ."""
    raise AgentError(sentence)


def _redis_quote(text: str) -> str:
    """``text`` as one word of a file that Redis or Sentinel reads, whatever it holds."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in text.encode()) + '"'
