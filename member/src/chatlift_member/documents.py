"""Documents: settings given as data, serialised at boot, so that no value can break a format.

A document is JSON of the form ``{"format": "yaml", "content": {...}}``. Every string in its
content is a Jinja2 text of its own. It is rendered first and quoted for the format afterwards, so a
password with quotes, dollar signs or line breaks reaches the application as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jinja2
from jinja2 import nodes

from .errors import AgentError

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SYSTEMD_SPECIAL = re.compile(r'[\\"$`]')


def render_document(environment: jinja2.Environment, source: str, values: Mapping[str, Any]) -> str:
    """Render the strings of the document ``source`` and serialise it in its format.

    Raises jinja2's errors for a broken or incomplete text, and an `AgentError` that names the
    setting for a value that the format cannot hold. None of them quotes a value.
    """
    document = json.loads(source)
    return FORMATS[document["format"]](_settle(environment, document["content"], values))


def _settle(environment: jinja2.Environment, content: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(content, dict):
        return {name: _settle(environment, item, values) for name, item in content.items()}
    if isinstance(content, list):
        return [_settle(environment, item, values) for item in content]
    if isinstance(content, str):
        return _evaluate(environment, content, values)
    return content


def _evaluate(environment: jinja2.Environment, text: str, values: Mapping[str, Any]) -> Any:
    """A text that is one expression, such as ``{{ cpus }}``, keeps the type of its value."""
    match environment.parse(text).body:
        case [nodes.Output(nodes=[node])] if not isinstance(node, nodes.TemplateData):
            expression = text.removeprefix("{{").removesuffix("}}").strip("+-")
            value = environment.compile_expression(expression, undefined_to_none=False)(values)
            if isinstance(value, jinja2.Undefined):
                str(value)  # raises, with the name of what is missing
            return value
    return environment.from_string(text).render(values)


def _json(content: Any) -> str:
    """JSON that is also YAML 1.2 and a JavaScript expression: what those forbid is escaped."""
    text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def _common_js(content: Any) -> str:
    return f"module.exports = {_json(content)};"


def _ecmascript(content: Any) -> str:
    return f"export default {_json(content)};"


def _systemd(content: Mapping[str, Any]) -> str:
    """An ``EnvironmentFile=``: systemd takes a backslash from before ``" \\ $`` and a backtick, and
    nothing else is special, not even a line break (systemd.exec(5))."""
    return "".join(
        f'{name}="{_SYSTEMD_SPECIAL.sub(_escape, value)}"\n' for name, value in _scalars(content)
    )


def _escape(match: re.Match[str]) -> str:
    return f"\\{match.group()}"


def _dotenv(content: Mapping[str, Any]) -> str:
    """A ``.env`` file as dotenv and ``node --env-file`` read it: their quotes know no escape, so
    each value gets quotes that it does not hold."""
    return "".join(f"{name}={_dotenv_quote(name, value)}\n" for name, value in _scalars(content))


def _dotenv_quote(name: str, value: str) -> str:
    usable = [quote for quote in "'`" if quote not in value]
    if not set('"\\') & set(value):
        usable.append('"')  # whose backslashes some readers expand
    if not usable or "\r" in value or value.endswith("\\"):
        raise AgentError(
            f"The value of {name} cannot be written in the format .env, because it holds every "
            "kind of quote or a carriage return, or ends in a backslash: give it another value, "
            "or give the setting in another format."
        )
    return f"{usable[0]}{value}{usable[0]}"


def _scalars(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Environment variables are text; one whose value is none is left out."""
    for name, value in content.items():
        if value is None:
            continue
        text = str(value) if isinstance(value, (str, int, float)) else _compact(value)
        if isinstance(value, bool):
            text = text.lower()
        if "\0" in text:
            raise AgentError(
                f"The value of {name} holds a zero byte, which no environment variable can: "
                "give it another value."
            )
        yield name, text


def _compact(value: Any) -> str:
    """A list or dictionary as JSON; anything else, such as a path, as its text."""
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


FORMATS: Mapping[str, Callable[[Any], str]] = {
    "text": str,
    "json": _json,
    "yaml": _json,
    "javascript": _common_js,
    "ecmascript": _ecmascript,
    "env": _dotenv,
    "systemd": _systemd,
}
"""Serialisers by the name of their format. ``text`` is one Jinja2 text; its filter ``tojson`` makes
a string of JSON, YAML or JavaScript."""
