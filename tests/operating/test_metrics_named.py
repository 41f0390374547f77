"""Rules, panels and documents name metrics that there are, with labels that they have."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.operating.metrics import (
    DASHBOARD,
    ENDINGS,
    GROUPING,
    MATCHER,
    PAGE,
    ROOT,
    RULES,
    SELECTOR,
    families,
    labels_of,
    panel_expressions,
    rule_expressions,
    table_row,
)

OF_PROMETHEUS = {"instance", "job", "le"}


def labels_by_sample(tmp_path: Path) -> dict[str, set[str]]:
    return {
        family.name + ending: set(labels_of(family))
        for family in families(tmp_path)
        for ending in ENDINGS[family.type]
    }


def test_the_page_lists_every_metric(tmp_path: Path) -> None:
    rows = "\n".join(table_row(family) for family in families(tmp_path))
    page = PAGE.read_text(encoding="utf-8")
    listed = "\n".join(
        line for line in page.splitlines() if line.startswith(("| `p2pd_", "| `gate"))
    )
    assert listed == rows, f"docs/metrics.md should hold these rows:\n{rows}"


@pytest.mark.parametrize("expression", [*rule_expressions(), *panel_expressions()])
def test_an_expression_names_metrics_and_labels_that_there_are(
    expression: str, tmp_path: Path
) -> None:
    known = labels_by_sample(tmp_path)
    selectors = SELECTOR.findall(expression)
    assert selectors
    labels: set[str] = set()
    for name, matchers in selectors:
        if name.startswith("process_"):
            continue
        assert name in known
        labels |= known[name]
        for label, _, _ in MATCHER.findall(matchers):
            assert label in known[name] | OF_PROMETHEUS, name
    for grouping in GROUPING.findall(expression):
        assert {label.strip() for label in grouping.split(",")} <= labels | OF_PROMETHEUS


def test_every_alert_says_what_is_and_what_to_do() -> None:
    names = []
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            names.append(rule["alert"])
            assert set(rule["annotations"]) == {"summary", "action"}
            assert rule["labels"]["severity"] in {"info", "warning", "critical"}
    assert len(set(names)) == len(names)


def test_a_panel_has_a_place_and_a_title_of_its_own() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_prometheus_takes_the_rules() -> None:
    for command, rules in (("check", RULES), ("test", RULES.with_name("alerts_test.yml"))):
        called = ["promtool", command, "rules", str(rules)]
        done = subprocess.run(called, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_documents_lead_to_rules_and_dashboard() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for path in (RULES, DASHBOARD):
        assert f"../{path.relative_to(ROOT)}" in page
