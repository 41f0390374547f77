"""Metrics of how long things take. Called by ``metrics`` in the threads that answer scrapes."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from common.metrics import histogram_metric
from p2pd.node.snapshot import Latencies


def latency_metrics(latencies: Latencies) -> Iterator[Metric]:
    """Yield the histograms."""
    yield histogram_metric(
        "p2pd_publish_duration_seconds",
        "From the acceptance of a publish to when it is durable.",
        latencies.publish,
    )
    yield histogram_metric(
        "p2pd_fsync_duration_seconds", "Each fsync of the message store.", latencies.fsync
    )
    yield histogram_metric(
        "p2pd_message_age_seconds",
        "From the send time by an author's clock to receipt by ours, of live messages.",
        latencies.messages.ages,
    )
    doubtful = CounterMetricFamily(
        "p2pd_message_age_doubts",
        "Live messages whose age by their author's clock is none or impossible.",
        labels=["clock"],
    )
    for clock, count in latencies.messages.doubtful:
        doubtful.add_metric([clock], count)
    yield doubtful
    lag = HistogramMetricFamily(
        "p2pd_loop_lag_seconds", "How late a timer of an event loop was.", labels=["loop"]
    )
    for loop, value in (("trio", latencies.trio_lag), ("grpc", latencies.grpc_lag)):
        lag.add_metric([loop], value.buckets(), value.total)
    yield lag
