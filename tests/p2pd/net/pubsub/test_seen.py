"""Memory of messages is bounded in time, number and bytes."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from p2pd.net.pubsub.recent_messages import RecentMessages
from p2pd.net.pubsub.seen import SeenIds


@pytest.mark.trio
async def test_id_is_seen_until_its_time_is_over(autojump_clock: trio.testing.MockClock) -> None:
    seen = SeenIds(ttl_s=10.0, max_ids=100)
    assert seen.add(b"first")
    await trio.sleep(6.0)
    assert seen.add(b"second")
    assert not seen.add(b"first")
    await trio.sleep(6.0)
    seen.sweep()
    assert not seen.has(b"first")
    assert seen.has(b"second")


@pytest.mark.trio
async def test_oldest_id_goes_at_the_bound() -> None:
    evictions: list[None] = []
    seen = SeenIds(ttl_s=10.0, max_ids=2, on_evict=lambda: evictions.append(None))
    for wire_id in (b"a", b"b", b"c"):
        seen.add(wire_id)
    assert [seen.has(wire_id) for wire_id in (b"a", b"b", b"c")] == [False, True, True]
    assert len(seen) == 2
    assert len(evictions) == 1


def test_message_is_told_for_a_few_beats_and_replayed_for_more() -> None:
    recent = RecentMessages(gossip_beats=2, replay_beats=4, max_bytes=1_000)
    recent.put(b"old", "room", b"frame", b"me")
    recent.shift()
    recent.put(b"new", "room", b"frame", b"me")
    recent.put(b"other", "elsewhere", b"frame", b"me")
    assert recent.window("room") == [b"new", b"old"]
    recent.shift()
    assert recent.window("room") == [b"new"]
    assert [message.wire_id for message in recent.replay("room", 10)] == [b"old", b"new"]
    assert [message.wire_id for message in recent.replay("room", 1)] == [b"new"]
    recent.shift()
    recent.shift()
    assert recent.get(b"old") is None
    assert recent.get(b"new") is not None


def test_oldest_message_goes_at_the_bound_of_bytes() -> None:
    recent = RecentMessages(gossip_beats=3, replay_beats=3, max_bytes=250)
    for number in range(5):
        recent.put(b"%d" % number, "room", bytes(100), bytes(10))
    assert recent.window("room") == [b"4", b"3"]
