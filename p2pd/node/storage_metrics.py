"""Metrics of what is stored and of the disk. Called by ``metrics``.

The disk is asked in the threads that answer scrapes: it may hang.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from p2pd.domain.storage import Storage, StorageState
from p2pd.store.sqlite_store import FILE_NAME


def storage_metrics(
    storage: Storage, unsent_messages: int, evicted_readers: int, unindexed_messages: int
) -> Iterator[Metric]:
    """Yield whether messages can be stored, how many wait for a peer, and what was evicted."""
    state = GaugeMetricFamily(
        "p2pd_storage_state", "1 for whether messages can be stored.", labels=["state"]
    )
    for each in StorageState:
        state.add_metric([each.value], float(each is storage.state))
    yield state
    yield GaugeMetricFamily(
        "p2pd_storage_damages",
        "Damages of the store found since the start.",
        len(storage.damages),
    )
    yield GaugeMetricFamily(
        "p2pd_unsent_messages", "Own messages that no peer was there to take.", unsent_messages
    )
    yield GaugeMetricFamily(
        "p2pd_unindexed_messages",
        "Stored messages that the search index does not have yet.",
        unindexed_messages,
    )
    yield CounterMetricFamily(
        "p2pd_evicted_readers",
        "Readers whose read markers made room for those of others.",
        evicted_readers,
    )


def disk_metrics(data_dir: Path) -> Iterator[Metric]:
    """Yield what the store takes of the disk, and what is free."""
    with suppress(OSError):
        free_bytes = os.statvfs(data_dir)
        yield GaugeMetricFamily(
            "p2pd_storage_free_bytes",
            "Free on the disk of the data directory.",
            free_bytes.f_bavail * free_bytes.f_frsize,
        )
        files = (entry for entry in data_dir.iterdir() if entry.name.startswith(FILE_NAME))
        yield GaugeMetricFamily(
            "p2pd_storage_bytes",
            "The store's files, quarantined ones included.",
            sum(entry.stat().st_size for entry in files),
        )
