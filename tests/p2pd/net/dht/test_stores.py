"""Provider records that this node stores for others live by a clock that nobody sets."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.abc import IHost
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.kad_dht.pb.kademlia_pb2 import Record
from libp2p.kad_dht.peer_routing import PeerRouting
from libp2p.kad_dht.provider_store import PROVIDER_RECORD_EXPIRATION_INTERVAL
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.net.dht.stores import MAX_VALUE_BYTES, BoundedValues, NewestProviders

KEY = b"\x12\x20" + b"k" * 32
DAY_S = 24 * 3600


class Providers:
    """A store, and the clock that it is given."""

    def __init__(self) -> None:
        self.now_s = 1.0
        host = cast(IHost, SimpleNamespace(get_id=new_id))
        self.store = NewestProviders(host, cast(PeerRouting, None), lambda: self.now_s)

    def add(self) -> ID:
        peer_id = new_id()
        self.store.add_provider(KEY, PeerInfo(peer_id, []))
        return peer_id

    def known(self) -> list[ID]:
        return [one.peer_id for one in self.store.get_providers(KEY)]


def new_id() -> ID:
    return ID.from_pubkey(create_new_key_pair().public_key)


def test_a_step_of_the_wall_clock_drops_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    providers = Providers()
    peer_id = providers.add()
    stepped_s = time.time() + 40 * DAY_S
    monkeypatch.setattr(time, "time", lambda: stepped_s)
    providers.store.cleanup_expired()
    assert providers.known() == [peer_id]


def test_a_provider_that_does_not_repeat_itself_expires() -> None:
    providers = Providers()
    providers.add()
    providers.now_s = PROVIDER_RECORD_EXPIRATION_INTERVAL - 1
    later = providers.add()
    assert len(providers.known()) == 2
    providers.now_s += 3
    assert providers.known() == [later]
    providers.now_s += PROVIDER_RECORD_EXPIRATION_INTERVAL
    providers.store.cleanup_expired()
    assert KEY not in providers.store.providers


@given(st.lists(st.integers(0, 9), max_size=60))
def test_value_put_longest_ago_makes_room(puts: list[int]) -> None:
    evictions: list[None] = []
    values = BoundedValues(
        cast(IHost, None), new_id(), lambda: evictions.append(None), max_values=4
    )
    for number in puts:
        values.put_record(b"%d" % number, Record(value=b"value"))
    newest = list(dict.fromkeys(reversed(puts)))[:4]
    assert set(values.store) == {b"%d" % number for number in newest}
    assert bool(evictions) == (len(set(puts)) > 4)
    with pytest.raises(ValueError, match="too large"):
        values.put_record(b"large", Record(value=bytes(MAX_VALUE_BYTES + 1)))


@given(st.lists(st.integers(0, 9), max_size=60))
def test_key_longest_without_news_makes_room_unless_it_is_of_this_node(news: list[int]) -> None:
    evicted: list[int] = []
    store = NewestProviders(
        cast(IHost, SimpleNamespace(get_id=new_id)),
        cast(PeerRouting, None),
        on_evict=evicted.append,
        max_keys=4,
    )
    store.providing_keys.add(b"0")
    provider = PeerInfo(new_id(), [])
    for number in news:
        store.add_provider(b"%d" % number, provider)
    own = [0] if 0 in news else []
    others = [number for number in dict.fromkeys(reversed(news)) if number != 0]
    expected = [*own, *others[: 4 - len(own)]]
    assert set(store.providers) == {b"%d" % number for number in expected}
    assert bool(evicted) == (len(set(news)) > 4)
