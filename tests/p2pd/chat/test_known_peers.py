from __future__ import annotations

from dataclasses import replace

import trio
import trio.testing

from p2pd.chat.known_peers import MAX_FOUND, MAX_GIVEN, KnownPeerList
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Connection, ConnectionKind, Direction, Peer
from p2pd.errors import StorageFullError
from tests.p2pd.chat.ports import RoomsInMemory
from tests.p2pd.facts import make_peer


def met(number: int, direction: Direction = Direction.OUTBOUND) -> Peer:
    connection = Connection(
        f"/ip4/192.0.2.{number}/tcp/4001", ConnectionKind.DIRECT, "tcp", direction, 1
    )
    return replace(make_peer(PeerId(f"p{number}")), connection=connection)


def test_addresses_survive_a_restart() -> None:
    store = RoomsInMemory()
    book = KnownPeerList(store)
    book.peer_met(met(2))
    trio.run(book.add_given, "/ip4/192.0.2.1/tcp/4001/p2p/p1")
    assert KnownPeerList(store).addresses == (
        "/ip4/192.0.2.2/tcp/4001/p2p/p2",
        "/ip4/192.0.2.1/tcp/4001/p2p/p1",
    )


def test_a_peer_that_dialled_this_node_is_not_known_to_be_reachable() -> None:
    book = KnownPeerList(RoomsInMemory())
    book.peer_met(met(1, Direction.INBOUND))
    assert book.addresses == ()


def test_the_newest_are_kept_and_peers_met_push_out_none_given() -> None:
    book = KnownPeerList(RoomsInMemory())
    given = [f"given {number}" for number in range(MAX_GIVEN + 1)]
    for address in given:
        trio.run(book.add_given, address)
    for number in range(MAX_FOUND + 2):
        book.peer_met(met(number))
        book.peer_met(met(0))
    kept = book.addresses
    assert list(kept[MAX_FOUND:]) == given[1:]
    assert kept[0].endswith("/p3")
    assert kept[MAX_FOUND - 1].endswith("/p0")


def test_what_cannot_be_saved_now_is_saved_later() -> None:
    store = RoomsInMemory()
    store.save_error = StorageFullError(1.0)
    book = KnownPeerList(store)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.run)
            await book.add_given("an address")
            assert store.peers.given == ()
            store.save_error = None
            await trio.sleep(20)
            assert store.peers.given == ("an address",)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.01))
