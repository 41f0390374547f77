"""A peer whose circuit is used up is reported as gone only if it does not return."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Connection, ConnectionKind, Direction, Peer
from p2pd.net.returning import BACK_WITHIN_S, open_returning

A = PeerId("a")
ROOM, OTHER = RoomName("room"), RoomName("other")


@dataclass
class Reported:
    events: list[str] = field(default_factory=list)

    def peer_connected(self, peer: Peer) -> None:
        self.events.append("connected")

    def peer_identified(self, peer: Peer) -> None:
        self.events.append("identified")

    def peer_disconnected(self, peer_id: PeerId) -> None:
        self.events.append("disconnected")

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        self.events.append(f"joined {room}")

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        self.events.append(f"left {room}")


def connected(*, is_limited: bool, rooms: tuple[RoomName, ...] = ()) -> Peer:
    connection = Connection(
        "", ConnectionKind.RELAYED, "tcp", Direction.INBOUND, 0, is_limited=is_limited
    )
    return Peer(A, rooms=rooms, connection=connection)


@pytest.mark.trio
async def test_peer_that_returns_in_time_never_went(autojump_clock: trio.testing.MockClock) -> None:
    reported = Reported()
    async with open_returning(reported) as peers:
        for _ in range(2):
            peers.peer_connected(connected(is_limited=True))
            for room in (ROOM, OTHER):
                peers.peer_joined(A, room)
                peers.peer_left(A, room)
            peers.peer_disconnected(A)
            await trio.sleep(BACK_WITHIN_S - 0.1)
        peers.peer_connected(connected(is_limited=True, rooms=(ROOM,)))
        await trio.sleep(2 * BACK_WITHIN_S)
    joined = [f"joined {ROOM}", f"joined {OTHER}"]
    returned = ["identified", f"joined {ROOM}", f"left {OTHER}"]
    assert reported.events == ["connected", *joined, "identified", *joined, *returned]


@pytest.mark.trio
async def test_peer_that_does_not_return_is_gone_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    reported = Reported()
    async with open_returning(reported) as peers:
        peers.peer_connected(connected(is_limited=True))
        peers.peer_left(A, ROOM)
        peers.peer_disconnected(A)
        await trio.sleep(2 * BACK_WITHIN_S)
        assert reported.events == ["connected", "disconnected"]
        peers.peer_connected(connected(is_limited=True))
        assert reported.events[-1] == "connected"


@pytest.mark.trio
@pytest.mark.parametrize("is_direct_later", [False, True])
async def test_peer_without_a_limit_is_gone_at_once(is_direct_later: bool) -> None:
    reported = Reported()
    async with open_returning(reported) as peers:
        peers.peer_connected(connected(is_limited=is_direct_later))
        peers.peer_identified(connected(is_limited=False))
        peers.peer_left(A, ROOM)
        peers.peer_disconnected(A)
        assert reported.events[2:] == [f"left {ROOM}", "disconnected"]
