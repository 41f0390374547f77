"""Metrics of rooms. Called by ``metrics`` in the threads that answer scrapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from p2pd.sync.room_ages import RoomAge


def room_metrics(rooms: Sequence[RoomAge]) -> Iterator[Metric]:
    """Yield how rooms stand; only as many as have time series of their own."""
    age = GaugeMetricFamily(
        "p2pd_sync_age_seconds",
        "Since a room was last compared with another node and lacked nothing.",
        labels=["room"],
    )
    lag = GaugeMetricFamily(
        "p2pd_sync_lag_seconds",
        "Since the node has known that it lacks messages of a room; 0 while it does not.",
        labels=["room"],
    )
    peers = GaugeMetricFamily(
        "p2pd_sync_peers", "Peers in a room that a node can synchronise with.", labels=["room"]
    )
    for one in rooms:
        age.add_metric([one.room], one.age_s)
        lag.add_metric([one.room], one.lag_s)
        peers.add_metric([one.room], one.peer_count)
    yield from (age, lag, peers)
