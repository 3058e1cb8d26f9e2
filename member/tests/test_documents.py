"""Settings given as data come out as they are, whatever they hold and whatever the format."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from chatlift_member.documents import render_document
from chatlift_member.errors import AgentError

SECRETS = [
    "plain",
    "",
    r"""a"b'c\d$e""",
    "$(reboot) `reboot` ${HOME}",
    "two\nlines\r\nand\rmore",
    " edges ",
    r"\n \\ \" \$",
    "# no comment; nor this: - or %that",
    "%n %% {{ 7 * 7 }} {% raw %}",
    "ünï \U0001f600 \x7f\x85\u2028\ufeff",
    "yes",
    "0123",
    "</script>",
]


def _environment() -> jinja2.Environment:
    return jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def _render(format_: str, content: Any, **values: Any) -> str:
    source = json.dumps({"format": format_, "content": content})
    return render_document(_environment(), source, values)


def _node(directory: Path, program: str) -> str:
    node = shutil.which("node")
    assert node, "Node.js is needed for this test: apt-get install nodejs"
    command = [node, "--input-type=module", "--eval", program]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("secret", SECRETS)
def test_json_and_yaml(secret: str) -> None:
    content = {"database": {"password": "{{ secret }}"}, "hosts": ["x-{{ secret }}", 3, None]}
    expected = {"database": {"password": secret}, "hosts": [f"x-{secret}", 3, None]}
    assert json.loads(_render("json", content, secret=secret)) == expected
    assert yaml.safe_load(_render("yaml", content, secret=secret)) == expected


@pytest.mark.parametrize(("format_", "name"), [("javascript", "s.cjs"), ("ecmascript", "s.mjs")])
def test_javascript(format_: str, name: str, tmp_path: Path) -> None:
    content = {"all": "{{ secrets }}", "one": "a{{ secrets[2] }}"}
    (tmp_path / name).write_text(_render(format_, content, secrets=SECRETS))
    told = _node(
        tmp_path,
        f"import settings from './{name}'; process.stdout.write(JSON.stringify(settings));",
    )
    assert json.loads(told) == {"all": SECRETS, "one": f"a{SECRETS[2]}"}


def _source(path: Path, name: str) -> str:
    """What a POSIX shell reads: within double quotes it unquotes as systemd does."""
    script = f'. ./{path.name}; printf "%s|%s" "${name}" "$AFTER"'
    return subprocess.run(
        ["sh", "-c", script], cwd=path.parent, capture_output=True, check=True
    ).stdout.decode()


@pytest.mark.parametrize("secret", SECRETS)
def test_an_environment_file_of_systemd(secret: str, tmp_path: Path) -> None:
    path = tmp_path / "app.env"
    content = {"SECRET": "{{ secret }}", "AFTER": "1"}
    path.write_bytes(_render("systemd", content, secret=secret).encode())
    assert _source(path, "SECRET") == f"{secret}|1"


@pytest.mark.parametrize("secret", [s for s in SECRETS if "\r" not in s])
def test_a_dotenv_file(secret: str, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    content = {"SECRET": "{{ secret }}", "AFTER": "1"}
    path.write_bytes(_render("env", content, secret=secret).encode())
    told = _node(
        tmp_path,
        "import { parseEnv } from 'node:util'; import { readFileSync } from 'node:fs';"
        "process.stdout.write(JSON.stringify(parseEnv(readFileSync('.env', 'utf8'))));",
    )
    assert json.loads(told) == {"SECRET": secret, "AFTER": "1"}


@pytest.mark.parametrize("secret", ["hunter2'\"`", "hunter2'`\\n", "hunter2\r", "hunter2\\"])
def test_a_value_that_dotenv_cannot_hold_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(AgentError, match="The value of SECRET cannot be written") as raised:
        _render("env", {"SECRET": "{{ secret }}"}, secret=secret)
    assert "hunter2" not in str(raised.value)


def test_text_has_a_filter_that_quotes() -> None:
    text = _render("text", "const secret = {{ secret | tojson }};\n", secret="a\"b'</script>\n")
    assert json.loads(text.removeprefix("const secret = ").rstrip(";\n")) == "a\"b'</script>\n"


def test_one_expression_keeps_its_type() -> None:
    content = {
        "number": "{{ worker }}",
        "list": "{{ hosts | map('upper') | list }}",
        "none": "{{ 1 if worker > 5 else none }}",
        "text": "{{ worker }}!",
        "two": "{{ worker }}{{ worker }}",
        "secret": "{{- digits -}}",
        "path": "{{ path }}",
    }
    rendered = _render(
        "json", content, worker=3, hosts=["a"], digits="0123", path=Path("/run/ca.crt")
    )
    assert json.loads(rendered) == {
        "number": 3,
        "list": ["A"],
        "none": None,
        "text": "3!",
        "two": "33",
        "secret": "0123",
        "path": "/run/ca.crt",
    }


def test_environment_variables_are_text_and_none_is_left_out() -> None:
    content = {"A": 1, "B": True, "C": None, "D": ["x"], "E": "{{ none }}", "F": "{{ path }}"}
    rendered = _render("systemd", content, path=Path("/run/ca.crt"))
    assert rendered.splitlines() == ['A="1"', 'B="true"', 'D="[\\"x\\"]"', 'F="/run/ca.crt"']


@pytest.mark.parametrize("text", ["{{ nonesuch }}", "{{ secrets.nonesuch }}", "x{{ nonesuch }}"])
def test_what_is_not_defined_is_named(text: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="nonesuch"):
        _render("json", {"a": [text]}, secrets={})


def test_a_zero_byte_is_refused() -> None:
    with pytest.raises(AgentError, match="The value of A holds a zero byte"):
        _render("systemd", {"A": "{{ a }}"}, a="x\0y")
