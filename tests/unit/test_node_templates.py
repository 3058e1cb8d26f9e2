"""What the node image's templates become: once at bake time, and again by the member agent."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[2] / "roles" / "node"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())


def _bake(name: str, **variables: Any) -> str:
    """The template as the role installs it; the marks are those of tasks/configure.yml."""
    environment = jinja2.Environment(
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    source = (ROLE / "templates" / name).read_text()
    return environment.from_string(source).render(**{**DEFAULTS, **variables})


def _boot(template: str, **variables: Any) -> str:
    """The file as the member agent renders it."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.from_string(template).render(**variables)


@pytest.mark.parametrize(
    "secret",
    [
        "plain",
        "",
        r"""a"b'c\d$e`f""",
        "$(reboot) `reboot` ${HOME}",
        "two\nlines",
        " edges ",
        r"\n \\ \" \$",
        "# no comment; nor this",
        "%n %% {{ 7 * 7 }}",
        "ünï",
    ],
)
def test_a_setting_reaches_the_application_as_it_is(secret: str, tmp_path: Path) -> None:
    baked = _bake("app.env.j2", node_environment={"SECRET": "{{ secrets.password }}", "AFTER": "1"})
    rendered = _boot(baked, secrets={"password": secret})
    (tmp_path / "app.env").write_text(rendered)
    # Within double quotes a POSIX shell unquotes as systemd does: systemd.exec(5).
    told = subprocess.run(
        ["sh", "-c", '. ./app.env; printf "%s|%s" "$SECRET" "$AFTER"'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == f"{secret}|1"


def test_an_unknown_variable_of_a_setting_fails_at_boot() -> None:
    baked = _bake("app.env.j2", node_environment={"NODES": "{{ redis_nodes }}"})
    with pytest.raises(jinja2.UndefinedError):
        _boot(baked, redis_members=[])


def _members(tier: str, host: int) -> list[dict[str, str]]:
    return [
        {"name": f"{tier}-{az}1", "az": az, "address": f"10.42.3{n}.{host}"}
        for n, az in enumerate("abc")
    ]


def _haproxy(cpus: int, topology: str = "cluster") -> str:
    return _boot(
        _bake("haproxy.cfg.j2"),
        cpus=cpus,
        mysql_members=_members("mysql", 21),
        redis_members=_members("redis", 11),
        redis_topology=topology,
    )


def test_haproxy_has_one_server_a_process_and_one_a_database() -> None:
    lines = [line.strip() for line in _haproxy(cpus=12).splitlines()]
    servers = [line for line in lines if line.startswith("server ")]
    assert servers[0] == "server app1 127.0.0.1:3001"
    assert servers[11] == "server app12 127.0.0.1:3012"
    assert servers[12:] == [
        "server mysql-a1 10.42.30.21:3306",
        "server mysql-b1 10.42.31.21:3306",
        "server mysql-c1 10.42.32.21:3306",
    ]


def test_haproxy_leads_to_the_redis_master_when_there_is_one() -> None:
    text = _haproxy(cpus=1, topology="replicated")
    listen = text[text.index("listen redis") :]
    assert "bind 127.0.0.1:6379" in listen
    assert "server redis-c1 10.42.32.11:6379" in listen
    assert "listen redis" not in _haproxy(cpus=1)


@pytest.mark.parametrize("topology", ["cluster", "replicated"])
def test_haproxy_accepts_its_configuration(tmp_path: Path, topology: str) -> None:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "haproxy is needed for this test: apt-get install haproxy"
    file = tmp_path / "haproxy.cfg"
    file.write_text(_haproxy(cpus=2, topology=topology))
    check = subprocess.run([program, "-c", "-f", str(file)], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    assert "WARNING" not in check.stderr, check.stderr
