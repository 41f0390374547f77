from __future__ import annotations

from dataclasses import replace

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from p2pd.chat.known_peers import MAX_FOUND, MAX_GIVEN, MAX_OF_PEER, KnownPeerList
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
    by_callers = [f"given {number}" for number in range(MAX_GIVEN + 1)]
    for address in by_callers:
        trio.run(book.add_given, address)
    for number in range(MAX_FOUND + 2):
        book.peer_met(met(number))
        book.peer_met(met(0))
    kept = book.addresses
    assert list(kept[MAX_FOUND:]) == by_callers[1:]
    assert kept[0].endswith("/p3")
    assert kept[MAX_FOUND - 1].endswith("/p0")


def moved(number: int, port: int) -> Peer:
    peer = met(number)
    assert peer.connection is not None
    address = f"/ip4/192.0.2.{number}/tcp/{port}"
    return replace(peer, connection=replace(peer.connection, remote_address=address))


def test_address_that_worked_last_is_dialled_first_though_a_caller_gave_another() -> None:
    store = RoomsInMemory()
    book = KnownPeerList(store)
    trio.run(book.add_given, "/ip4/192.0.2.1/tcp/1/p2p/p1")
    book.peer_met(moved(1, 2))
    trio.run(book.add_given, "/ip4/192.0.2.9/tcp/1/p2p/p9")
    of_peer = [each for each in KnownPeerList(store).addresses if each.endswith("/p1")]
    assert of_peer == ["/ip4/192.0.2.1/tcp/1/p2p/p1", "/ip4/192.0.2.1/tcp/2/p2p/p1"]


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 9)), max_size=200))
def test_of_each_peer_the_addresses_that_worked_last_are_known(
    meetings: list[tuple[int, int]],
) -> None:
    book = KnownPeerList(RoomsInMemory())
    for number, port in meetings:
        book.peer_met(moved(number, port))
    known = [address.split("/")[-3::2] for address in reversed(book.addresses)]
    newest_first = list(dict.fromkeys(reversed(meetings)))
    peers = list(dict.fromkeys(number for number, _ in newest_first))
    last_of = dict(reversed(newest_first))
    seen: dict[int, list[int]] = {}
    for known_port, name in known:
        seen.setdefault(int(name.removeprefix("p")), []).append(int(known_port))
    assert {number: ports[0] for number, ports in seen.items()} == {
        number: last_of[number] for number in peers[:MAX_FOUND]
    }
    for number, ports in seen.items():
        assert len(ports) <= MAX_OF_PEER
        history = [port for each, port in newest_first if each == number]
        assert ports == history[: len(ports)]
    assert sum(map(len, seen.values())) <= MAX_FOUND


def test_what_cannot_be_saved_now_is_saved_later() -> None:
    store = RoomsInMemory()
    store.save_error = StorageFullError(1.0)
    book = KnownPeerList(store)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.run)
            await book.add_given("an address")
            assert not store.peers.given
            store.save_error = None
            await trio.sleep(20)
            assert store.peers.given == ("an address",)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.01))
