"""The alarms and the dashboard of the role: complete, consistent, and of figures that exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar
from chatlift_member.metrics_cloudwatch import OF_EVERY_TIER, OF_TIER

from ..conftest import REGION, STACK

REPOSITORY = Path(__file__).parents[3]
ROLE = REPOSITORY / "roles" / "observability"
REDIS, MYSQL = ["redis-a1", "redis-b1", "redis-c1"], ["mysql-a1", "mysql-b1", "mysql-c1"]
TOPOLOGIES = pytest.mark.parametrize("topology", ["cluster", "replicated"])


@cache
def _render(topology: str) -> tuple[list[dict[str, Any]], list[str], dict[str, Any]]:
    """The alarms, the names of those that mean that nobody is served, and the dashboard."""
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROLE / "defaults" / "alarms.yml"), trusted_as_template=True),
        **loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True),
        "chatlift_region": REGION,
        "chatlift_stack": STACK,
        "chatlift_redis_topology": topology,
        "groups": {"redis": REDIS, "mysql": MYSQL, "members": [*REDIS, *MYSQL]},
    }
    del variables["_observability_alarms"], variables["_observability_dashboard"]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    for name in ("combine", "to_json"):
        environment.filters[name] = filter_loader.get(f"ansible.builtin.{name}").j2_function
    known = Templar(loader, variables=variables).template(variables)

    def load(template: str, **more: Any) -> Any:
        return yaml.safe_load(environment.get_template(template).render(**known, **more))

    alarms = load("alarms.yml.j2")
    dashboard = load("dashboard.yml.j2", _observability_alarms=alarms)
    return alarms, known["_observability_serving"], dashboard


@TOPOLOGIES
def test_names_are_used_once_and_what_serving_means_exists(topology: str) -> None:
    alarms, serving, _ = _render(topology)
    names = [alarm["name"] for alarm in alarms]
    assert len(names) == len(set(names))
    assert set(serving) <= set(names)
    assert {f"{member}-out-of-service" for member in [*REDIS, *MYSQL]} <= set(names)


@TOPOLOGIES
def test_every_description_says_what_to_do_next(topology: str) -> None:
    alarms, _, _ = _render(topology)
    for alarm in alarms:
        text = alarm["description"]
        assert len(text) <= 1024, alarm["name"]
        assert re.search(r"[Ll]ook|Run|Raise|Take|status|journal|says why", text), alarm["name"]
        for file in re.findall(r"(?:playbooks|roles)/[\w/.]+\w", text):
            assert (REPOSITORY / file).exists(), f"{alarm['name']} names {file}"


@TOPOLOGIES
def test_figures_are_those_that_the_agents_publish(topology: str) -> None:
    alarms, _, dashboard = _render(topology)
    asked = {
        (alarm["dimensions"]["Tier"], alarm["metric"])
        for alarm in alarms
        if alarm.get("namespace", "chatlift") == "chatlift"
    }
    for widget in dashboard["widgets"]:
        for namespace, metric, *rest in widget["properties"].get("metrics", []):
            if namespace == "chatlift":
                asked.add((rest[rest.index("Tier") + 1], metric))
    published = {
        (tier, source.name)
        for tier, sources in OF_TIER.items()
        for source in (*OF_EVERY_TIER, *sources)
    }
    assert asked <= published


@TOPOLOGIES
def test_silence_of_what_serves_is_a_breach_but_errors_are_seldom(topology: str) -> None:
    alarms, serving, _ = _render(topology)
    for alarm in alarms:
        if alarm["name"] in serving:
            seldom = alarm["name"].endswith("-5xx")
            assert alarm["missing"] == ("notBreaching" if seldom else "breaching"), alarm["name"]


@TOPOLOGIES
def test_the_widgets_of_the_dashboard_fill_rows_and_do_not_overlap(topology: str) -> None:
    _, _, dashboard = _render(topology)
    taken: set[tuple[int, int]] = set()
    for widget in dashboard["widgets"]:
        cells = {
            (widget["x"] + across, widget["y"] + down)
            for across in range(widget["width"])
            for down in range(widget["height"])
        }
        assert not cells & taken, widget["properties"]
        taken |= cells
    bottom = max(y for _, y in taken) + 1
    assert taken == {(x, y) for x in range(24) for y in range(bottom)}
