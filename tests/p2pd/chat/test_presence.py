from __future__ import annotations

from dataclasses import replace

from p2pd.chat.presence import Presence
from p2pd.domain.events import (
    EventBody,
    PeerConnected,
    PeerDisconnected,
    PeerJoined,
    PeerLeft,
    Snapshot,
)
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Peer
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.log.reader import Reader
from p2pd.store.memory_store import MemoryStore
from tests.p2pd.facts import make_node, make_peer

A, LOBBY, DEN = PeerId("a"), RoomName("lobby"), RoomName("den")


class Told:
    """A log with a presence in front of it, and what a reader of it was told."""

    def __init__(self) -> None:
        self.log = Log(MemoryStore(100, 1 << 20), State(make_node(LOBBY, DEN), {}))
        self.filled: list[RoomName] = []
        self.met: list[Peer] = []
        self.presence = Presence(self.log, self.filled.append, self.met.append)
        self._reader: Reader = self.log.open_reader(None)

    def bodies(self) -> list[EventBody]:
        bodies = [entry.event.body for entry in self._reader.read(1 << 20)]
        return [body for body in bodies if not isinstance(body, Snapshot)]


def test_a_peer_is_connected_before_it_is_in_a_room() -> None:
    told = Told()
    told.presence.peer_joined(A, LOBBY)
    told.presence.peer_connected(replace(make_peer("a"), rooms=(LOBBY,)))
    assert told.bodies() == [PeerConnected(make_peer("a")), PeerJoined(A, LOBBY)]


def test_a_peer_leaves_its_rooms_before_it_is_gone() -> None:
    told = Told()
    told.presence.peer_connected(replace(make_peer("a"), rooms=(DEN, LOBBY)))
    told.bodies()
    told.presence.peer_disconnected(A)
    told.presence.peer_left(A, LOBBY)
    told.presence.peer_disconnected(A)
    assert told.bodies() == [PeerLeft(A, DEN), PeerLeft(A, LOBBY), PeerDisconnected(A)]


def test_the_same_arrival_is_told_once() -> None:
    told = Told()
    told.presence.peer_connected(make_peer("a"))
    told.presence.peer_joined(A, LOBBY)
    told.presence.peer_joined(A, LOBBY)
    assert told.bodies() == [PeerConnected(make_peer("a")), PeerJoined(A, LOBBY)]


def test_only_a_peer_that_shares_a_room_is_met() -> None:
    told = Told()
    told.presence.peer_connected(make_peer("a"))
    assert told.met == []
    told.presence.peer_joined(A, LOBBY)
    assert told.met == [make_peer("a")]


def test_an_identified_peer_keeps_its_rooms() -> None:
    told = Told()
    told.presence.peer_connected(replace(make_peer("a"), rooms=(LOBBY,)))
    told.presence.peer_identified(replace(make_peer("a"), agent="go"))
    known = told.log.state.peers[A]
    assert (known.agent, known.rooms) == ("go", (LOBBY,))


def test_nobody_is_identified_who_is_gone() -> None:
    told = Told()
    told.presence.peer_identified(replace(make_peer("a"), agent="go"))
    assert told.bodies() == []


def test_who_waits_to_send_is_told_of_every_arrival() -> None:
    told = Told()
    told.presence.peer_joined(A, LOBBY)
    assert told.filled == [LOBBY]


def test_no_peer_is_in_a_room_that_was_left() -> None:
    told = Told()
    for name in "ab":
        told.presence.peer_connected(replace(make_peer(name), rooms=(DEN, LOBBY)))
    told.bodies()
    told.presence.room_left(LOBBY)
    assert told.bodies() == [PeerLeft(A, LOBBY), PeerLeft(PeerId("b"), LOBBY)]
