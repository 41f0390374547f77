"""What the DHT keeps for others, with bounds.

The library keeps the first twenty providers of a key for two days and refuses
every later one, takes any number of keys, and up to 50,000 values of 1 MiB
(patch 60). Here the newest win, and everything has a limit. It dates providers
by the wall clock: one step of it drops every record of a private network, whose
members provide again hours later. Here a clock that nobody sets dates them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from libp2p.abc import IHost
from libp2p.kad_dht.pb.kademlia_pb2 import Record
from libp2p.kad_dht.peer_routing import PeerRouting
from libp2p.kad_dht.provider_store import (
    PROVIDER_RECORD_EXPIRATION_INTERVAL,
    ProviderRecord,
    ProviderStore,
)
from libp2p.kad_dht.value_store import ValueStore
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.net.advertised import bounded_addresses
from p2pd.net.dht.profile_validator import PROFILE_PREFIX
from p2pd.net.profiles.record import MAX_RECORD_BYTES

MAX_KEYS = 10_000
MAX_PROVIDERS_KEPT = 256
MAX_PROVIDERS_TOLD = 100
MAX_VALUES = 1_000
MAX_VALUE_BYTES = 10 * 1024
"""The limit of an IPNS record."""


class NewestProviders(ProviderStore):
    """Provider records: of each key the newest, of all keys the newest.

    Args:
        clock_s: Seconds since any moment, of a clock that nobody sets.
        on_evict: Called for each record that is dropped to make room.
    """

    def __init__(
        self,
        host: IHost,
        routing: PeerRouting,
        clock_s: Callable[[], float] = time.monotonic,
        on_evict: Callable[[int], None] = lambda _: None,
        max_keys: int = MAX_KEYS,
    ) -> None:
        super().__init__(host, routing)
        self._on_evict = on_evict
        self._max_keys = max_keys
        self._clock_s = clock_s

    def add_provider(self, key: bytes, provider: PeerInfo) -> None:
        """Keep a provider, at the cost of the oldest one where it is full."""
        records = self.providers.pop(key, None) or {}
        peer_id = str(provider.peer_id)
        records.pop(peer_id, None)
        if len(records) >= MAX_PROVIDERS_KEPT:
            del records[next(iter(records))]
            self._on_evict(1)
        bounded = PeerInfo(provider.peer_id, bounded_addresses(provider.addrs))
        records[peer_id] = ProviderRecord(bounded, self._clock_s())
        self._make_room()
        self.providers[key] = records

    def get_providers(self, key: bytes) -> list[PeerInfo]:
        """The newest providers of a key, at most 100, newest first."""
        self._drop_expired(key)
        newest_last = list(self.providers.get(key, {}).values())
        newest = newest_last[: -MAX_PROVIDERS_TOLD - 1 : -1]
        return [PeerInfo(record.peer_id, record.addresses) for record in newest]

    def cleanup_expired(self) -> None:
        """Drop every record that its provider has not repeated for two days."""
        for key in tuple(self.providers):
            self._drop_expired(key)

    def remove_provider(self, key: bytes, peer_id: str) -> None:
        """Forget one provider of a key."""
        records = self.providers.get(key)
        if records is not None:
            records.pop(peer_id, None)
            if not records:
                del self.providers[key]

    def _drop_expired(self, key: bytes) -> None:
        earliest_s = self._clock_s() - PROVIDER_RECORD_EXPIRATION_INTERVAL
        for peer_id, record in tuple(self.providers.get(key, {}).items()):
            if record.timestamp < earliest_s:
                self.remove_provider(key, peer_id)

    def _make_room(self) -> None:
        """Drop the key longest without news, but none that this node provides."""
        if len(self.providers) < self._max_keys:
            return
        oldest = next((key for key in self.providers if key not in self.providing_keys), None)
        if oldest is not None:
            self._on_evict(len(self.providers.pop(oldest)))


class BoundedValues(ValueStore):
    """Value records, at most 1,000 of at most 10 KiB, or 18 KiB of a profile.

    The one put longest ago makes room.

    Args:
        on_evict: Called for each value that is dropped to make room.
    """

    def __init__(
        self,
        host: IHost,
        local_peer_id: ID,
        on_evict: Callable[[], None] = lambda: None,
        max_values: int = MAX_VALUES,
    ) -> None:
        super().__init__(host, local_peer_id)
        self._on_evict = on_evict
        self._max_values = max_values

    def put_record(self, key: bytes, record: Record) -> None:
        """Keep a record that another peer put.

        Raises:
            ValueError: It is too large; the library then resets the stream.
        """
        is_profile = key.startswith(PROFILE_PREFIX)
        if len(record.value) > (MAX_RECORD_BYTES if is_profile else MAX_VALUE_BYTES):
            raise ValueError("value is too large to be stored")
        # A value that is put again is the newest then, and takes no other one's place.
        self.store.pop(key, None)
        super().put_record(key, record)

    def _evict_if_full(self) -> None:
        while len(self.store) >= self._max_values:
            del self.store[next(iter(self.store))]
            self._on_evict()
