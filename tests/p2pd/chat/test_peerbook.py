from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from p2pd.chat.peerbook import MAX_GIVEN, MAX_MET, PeerBook
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Connection, ConnectionKind, Direction, Peer
from tests.p2pd.facts import make_peer


def met(number: int, direction: Direction = Direction.OUTBOUND) -> Peer:
    connection = Connection(
        f"/ip4/192.0.2.{number}/tcp/4001", ConnectionKind.DIRECT, "tcp", direction, 1
    )
    return replace(make_peer(PeerId(f"p{number}")), connection=connection)


def test_addresses_survive_a_restart(tmp_path: Path) -> None:
    book = PeerBook(tmp_path / "peers.json")
    book.meet(met(2))
    trio.run(book.give, "/ip4/192.0.2.1/tcp/4001/p2p/p1")
    assert PeerBook(tmp_path / "peers.json").addresses == (
        "/ip4/192.0.2.2/tcp/4001/p2p/p2",
        "/ip4/192.0.2.1/tcp/4001/p2p/p1",
    )


def test_a_peer_that_dialled_this_node_is_not_known_to_be_reachable(tmp_path: Path) -> None:
    book = PeerBook(tmp_path / "peers.json")
    book.meet(met(1, Direction.INBOUND))
    assert book.addresses == ()


def test_the_newest_are_kept_and_peers_met_push_out_none_given(tmp_path: Path) -> None:
    book = PeerBook(tmp_path / "peers.json")
    given = [f"given {number}" for number in range(MAX_GIVEN + 1)]
    for address in given:
        trio.run(book.give, address)
    for number in range(MAX_MET + 2):
        book.meet(met(number))
        book.meet(met(0))
    kept = book.addresses
    assert list(kept[MAX_MET:]) == given[1:]
    assert kept[0].endswith("/p3")
    assert kept[MAX_MET - 1].endswith("/p0")


@pytest.mark.parametrize("content", ["", "[", '"x"', '{"given": 5}', '{"met": {}}'])
def test_a_damaged_file_is_no_address(tmp_path: Path, content: str) -> None:
    path = tmp_path / "peers.json"
    path.write_text(content)
    assert PeerBook(path).addresses == ()


def test_what_cannot_be_saved_now_is_saved_later(tmp_path: Path) -> None:
    directory = tmp_path / "not there yet"
    book = PeerBook(directory / "peers.json")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(book.run)
            await book.give("an address")
            directory.mkdir()
            with trio.fail_after(600):
                while not PeerBook(directory / "peers.json").addresses:
                    await trio.sleep(1)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0.01))
