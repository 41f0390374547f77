"""Metrics of how this node is reached from the internet.

Called by ``metrics`` in the threads that answer scrapes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p2pd.domain.reach import EvidenceKind, Reach, Reachability


def reach_metrics(reach: Reach, dial_back_count: int) -> Iterator[Metric]:
    """Yield the verdict, its evidence, and what is mapped.

    Args:
        dial_back_count: Requests of others that this node has answered by a dial.
    """
    verdict = GaugeMetricFamily(
        "p2pd_reachability", "1 for what is known of this node's reach.", labels=["verdict"]
    )
    for each in Reachability:
        verdict.add_metric([each.value], float(each is reach.reachability))
    yield verdict
    yield _evidence(reach)
    yield _addresses(reach)
    mappings = GaugeMetricFamily(
        "p2pd_port_mappings", "Ports that the router forwards to this node.", labels=["protocol"]
    )
    for protocol, count in Counter(each.protocol for each in reach.port_mappings).items():
        mappings.add_metric([protocol], count)
    yield mappings
    yield CounterMetricFamily(
        "p2pd_autonat_dials",
        "Requests to be dialled that were answered by a dial.",
        dial_back_count,
    )


def _addresses(reach: Reach) -> Metric:
    addresses = GaugeMetricFamily(
        "p2pd_checked_addresses",
        "Addresses of this node that peers were asked about, by what they found.",
        labels=["transport", "verdict"],
    )
    counts = Counter((each.transport, each.reachability.value) for each in reach.addresses)
    for labels, count in sorted(counts.items()):
        addresses.add_metric(labels, count)
    return addresses


def _evidence(reach: Reach) -> Metric:
    evidence = GaugeMetricFamily(
        "p2pd_reachability_evidence",
        "Observations for and against being reachable that count now.",
        labels=["kind", "reachable"],
    )
    counts = Counter((each.kind, each.is_reachable) for each in reach.evidence)
    for kind in EvidenceKind:
        for is_reachable in (True, False):
            labels = [kind.value, str(is_reachable).lower()]
            evidence.add_metric(labels, counts[kind, is_reachable])
    return evidence
