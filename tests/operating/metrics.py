"""What the metrics of both services are called, and which of them rules and panels name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import yaml
from prometheus_client.core import Metric

from common.loop_lag import LoopLag
from gateway.counts import Counts
from gateway.http.metrics import CountsCollector
from p2pd.api.rpc_server import ApiCounters
from p2pd.node.metrics import CountsFeed, NodeCollector
from p2pd.node.snapshot import NodeCounts

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "wsp.json"
PAGE = ROOT / "docs" / "metrics.md"

ENDINGS = {
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_count", "_sum"),
}
UNITS = {"seconds": "s", "bytes": "bytes", "ratio": "0 to 1"}
NAME = re.compile(r"\b(?:p2pd|gateway|process)_\w+")
SELECTOR = re.compile(r"\b((?:p2pd|gateway|process)_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|=|!=|!~)\s*"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


class _Snapshots(CountsFeed):
    """A feed of one empty snapshot."""

    def __init__(self) -> None:
        pass

    def snapshot(self) -> tuple[NodeCounts | None, float]:
        counters = ApiCounters(0, 0, 0, 0, 0, 0)
        return NodeCounts(0, 0, 1, 0, 0.0, 0, (), counters), 0.0


def families(tmp_path: Path) -> Iterator[Metric]:
    """Yield every metric of the node and of the gateway, those without values too."""
    yield from NodeCollector(_Snapshots(), tmp_path).collect()
    yield from gateway_families()


def gateway_families(in_flight: int = 0, sockets: Sequence[object] = ()) -> Iterable[Metric]:
    """Return every metric of a gateway with so many publishes under way and these sockets."""
    services = SimpleNamespace(counts=Counts(), publisher=SimpleNamespace(in_flight=in_flight))
    requests = SimpleNamespace(waiting_bytes=lambda: 0)
    door = SimpleNamespace(sockets=sockets, requests=requests)
    link = SimpleNamespace(is_ready=True)
    parts = (services, link, door, LoopLag())
    return CountsCollector(*cast(Any, parts)).collect()


def shown_name(family: Metric) -> str:
    """Return the name under which a query finds a metric; a histogram without its endings."""
    ending = "" if family.type == "histogram" else ENDINGS[family.type][0]
    return family.name + ending


def table_row(family: Metric) -> str:
    """Write a metric as a row of docs/metrics.md."""
    labels = ", ".join(f"`{label}`" for label in labels_of(family))
    unit = next((shown for end, shown in UNITS.items() if family.name.endswith(f"_{end}")), "")
    cells = (f"`{shown_name(family)}`", family.type, unit, labels, family.documentation)
    return f"| {' | '.join(cells)} |"


def labels_of(family: Metric) -> tuple[str, ...]:
    """Return the labels that a metric has of itself."""
    if family.type == "info":
        return tuple(sorted(family.samples[0].labels))
    return tuple(family._labelnames)  # type: ignore[attr-defined]


def rule_expressions() -> list[str]:
    """Return the expressions of all alert rules."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def panel_expressions() -> list[str]:
    """Return the expressions of all panels."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]
