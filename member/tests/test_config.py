"""Templates are rendered whole, strictly, and with their own mode."""

import json
from pathlib import Path

import pytest
from chatlift_member.config import render_all, variables
from chatlift_member.errors import AgentError
from chatlift_member.tier import Tls
from member_factory import facts

VALUES = variables(facts(), {"app_password": "hunter2"}, Tls())


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    directory = tmp_path / "templates"
    (directory / "redis").mkdir(parents=True)
    return directory


def test_a_template_keeps_its_place_and_mode(templates: Path, tmp_path: Path) -> None:
    template = templates / "redis/redis.conf.j2"
    template.write_text("{% for peer in redis_members %}\n{{ peer.name }}\n{% endfor %}\n")
    template.chmod(0o640)
    [path] = render_all(VALUES, tmp_path / "run", templates)
    assert path == tmp_path / "run/redis/redis.conf"
    assert path.read_text().split() == [f"redis-{zone}{n}" for zone in "abc" for n in (1, 2)]
    assert path.stat().st_mode & 0o777 == 0o640


def test_passwords_can_be_hashed(templates: Path, tmp_path: Path) -> None:
    (templates / "users.acl.j2").write_text("#{{ secrets.app_password | sha256 }}")
    [path] = render_all(VALUES, tmp_path / "run", templates)
    assert path.read_text().startswith("#f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf5")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ nonesuch }}", "redis/bad.j2 uses what is not defined: 'nonesuch' is undefined"),
        ("{{ secrets.nonesuch }}", "redis/bad.j2 uses what is not defined"),
        ("one\n{% if %}", "redis/bad.j2, line 2"),
    ],
)
def test_a_broken_template_is_named_and_nothing_is_written(
    templates: Path, tmp_path: Path, text: str, says: str
) -> None:
    (templates / "redis/bad.j2").write_text(text)
    (templates / "good.j2").write_text("fine")
    with pytest.raises(AgentError, match=says) as raised:
        render_all(VALUES, tmp_path / "run", templates)
    assert "hunter2" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_template_can_refuse_a_stack(templates: Path, tmp_path: Path) -> None:
    (templates / "gateway.json.data").write_text(
        '{"format": "json", "content": {"user": "{{ refuse(\'Redis is a cluster.\') }}"}}'
    )
    with pytest.raises(AgentError, match=r"^Redis is a cluster\.$"):
        render_all(VALUES, tmp_path / "run", templates)


def test_a_document_is_serialised(templates: Path, tmp_path: Path) -> None:
    (templates / "settings.json.data").write_text(
        '{"format": "json", "content": {"password": "{{ secrets.app_password }}"}}'
    )
    [path] = render_all(VALUES, tmp_path / "run", templates)
    assert path == tmp_path / "run/settings.json"
    assert json.loads(path.read_text()) == {"password": "hunter2"}


def test_each_process_gets_files_of_its_own(templates: Path, tmp_path: Path) -> None:
    (templates / "app" / "{process}").mkdir(parents=True)
    template = templates / "app" / "{process}" / "server.j2"
    template.write_text("{{ process }} {{ port }}")
    paths = render_all(VALUES, tmp_path / "run", templates)
    assert {str(path.relative_to(tmp_path / "run")): path.read_text() for path in paths} == {
        "app/0/server": "0 3000\n",
        "app/1/server": "1 3001\n",
        "app/2/server": "2 3002\n",
    }


def test_any_password_is_one_word_for_redis(templates: Path, tmp_path: Path) -> None:
    (templates / "redis.conf.j2").write_text("masterauth {{ secrets.app_password | redis_quote }}")
    values = {**VALUES, "secrets": {"app_password": "a \"b' $c"}}
    [path] = render_all(values, tmp_path / "run", templates)
    assert path.read_text() == 'masterauth "\\x61\\x20\\x22\\x62\\x27\\x20\\x24\\x63"\n'
