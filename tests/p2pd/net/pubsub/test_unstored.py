"""What could not be stored is asked for again, one probe at a time while nothing is stored."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from libp2p.peer.id import ID

from p2pd.net.pubsub.unstored import MAX_HOLDERS, MAX_PROBES, REQUEST_TIMEOUT_S, UnstoredMessages

HOLDERS = [ID(b"holder %d" % number) for number in range(MAX_HOLDERS + 1)]

pytestmark = [pytest.mark.trio, pytest.mark.usefixtures("autojump_clock")]


def unstored_with(*wire_ids: bytes) -> UnstoredMessages:
    unstored = UnstoredMessages()
    for wire_id in wire_ids:
        unstored.add(wire_id, HOLDERS[0])
    return unstored


async def test_one_probe_is_asked_for_until_something_is_stored() -> None:
    unstored = unstored_with(b"one", b"two", b"three")
    assert unstored.requests() == {HOLDERS[0]: [b"three"]}
    assert unstored.mark_stored(b"three")
    assert unstored.requests() == {HOLDERS[0]: [b"one", b"two"]}
    assert not unstored.mark_stored(b"one")
    unstored.discard(b"two")
    assert unstored.requests() == {}


async def test_an_answer_has_its_time_before_the_next_request() -> None:
    unstored = unstored_with(b"one")
    unstored.mark_stored(b"another")
    assert unstored.requests() == {HOLDERS[0]: [b"one"]}
    assert unstored.requests() == {}
    await trio.sleep(REQUEST_TIMEOUT_S)
    assert unstored.requests() == {HOLDERS[0]: [b"one"]}


async def test_every_holder_is_asked_in_turn() -> None:
    unstored = UnstoredMessages()
    for holder in HOLDERS:
        unstored.add(b"one", holder)
    unstored.mark_stored(b"another")
    asked: list[object] = []
    for _ in range(2 * MAX_HOLDERS):
        asked += unstored.requests()
        await trio.sleep(REQUEST_TIMEOUT_S)
    assert asked == HOLDERS[:MAX_HOLDERS] * 2


async def test_no_message_is_probed_so_often_that_a_peer_refuses_it_later() -> None:
    unstored = unstored_with(b"one", b"two", b"three")
    probed = []
    for _ in range(3 * MAX_PROBES):
        probed += unstored.requests()[HOLDERS[0]]
        await trio.sleep(REQUEST_TIMEOUT_S)
    assert probed == [b"three"] * MAX_PROBES + [b"two"] * MAX_PROBES + [b"one"] * MAX_PROBES


async def test_ids_are_bounded_in_number_and_in_time() -> None:
    evictions: list[None] = []
    unstored = UnstoredMessages(ttl_s=10.0, max_ids=2, on_evict=lambda: evictions.append(None))
    for wire_id in (b"one", b"two", b"three"):
        unstored.add(wire_id, HOLDERS[0])
    assert [wire_id in unstored for wire_id in (b"one", b"two", b"three")] == [False, True, True]
    await trio.sleep(6.0)
    unstored.add(b"two", HOLDERS[1])
    await trio.sleep(6.0)
    assert unstored.requests() == {}
    assert len(unstored) == 0
    assert len(evictions) == 1, "what expires was not evicted"
