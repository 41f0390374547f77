"""Who is blocked and who is not dialled, over restarts, and what the network is given."""

from __future__ import annotations

import pytest
import trio

from p2pd.chat import blocks
from p2pd.chat.blocks import Blocks
from p2pd.domain.events import PeerBlocked
from p2pd.domain.names import DEFAULT_ROOM, PeerId
from p2pd.domain.state import State
from p2pd.errors import InvalidInputError, LimitReachedError, PeerBlockedError, StorageFullError
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from tests.p2pd.chat.ports import RoomsInMemory
from tests.p2pd.facts import make_node

OWN, ADA, BOB, EVE = map(PeerId, ("own", "ada", "bob", "eve"))


class Connections:
    """A network that remembers what it was asked to do."""

    def __init__(self) -> None:
        self.blocked: frozenset[PeerId] = frozenset()
        self.undialled: frozenset[PeerId] = frozenset()
        self.closed: list[PeerId] = []
        self.forgotten: list[PeerId] = []

    def refuse_peers(self, blocked: frozenset[PeerId], undialled: frozenset[PeerId]) -> None:
        self.blocked, self.undialled = blocked, undialled

    async def disconnect(self, peer_id: PeerId) -> None:
        assert peer_id in self.blocked | self.undialled, "it could be dialled again at once"
        self.closed.append(peer_id)

    def forget_peer(self, peer_id: PeerId) -> None:
        self.forgotten.append(peer_id)


class Home:
    """The blocks of one node."""

    def __init__(self, store: RoomsInMemory | None = None) -> None:
        self.store = store or RoomsInMemory()
        self.log = Log(MemoryStore(100, 1 << 20), State(make_node(DEFAULT_ROOM), {}))
        self.network = Connections()
        self.blocks = Blocks(self.log, self.store, OWN)
        trio.run(self.blocks.start, self.network)
        self._reader = self.log.open_reader(None)
        self._reader.read(1 << 20)

    def disconnect(self, peer_id: PeerId, *, forget: bool = False) -> None:
        async def ask() -> None:
            await self.blocks.disconnect(peer_id, forget=forget)

        trio.run(ask)

    def events(self) -> list[object]:
        return [entry.event.body for entry in self._reader.read(1 << 20)]


def test_a_block_is_reported_once_and_survives_a_restart() -> None:
    home = Home()
    for _ in range(2):
        trio.run(home.blocks.block, ADA)
    assert home.events() == [PeerBlocked(ADA, is_blocked=True)]
    assert home.network.closed == [ADA, ADA]
    again = Home(home.store)
    assert again.blocks.blocked == (ADA,)
    assert again.blocks.is_blocked(ADA)
    assert again.network.blocked == {ADA}
    assert again.network.closed == [ADA]
    unblocked: list[PeerId] = []
    again.blocks.on_unblocked.append(unblocked.append)
    for _ in range(2):
        trio.run(again.blocks.unblock, ADA)
    assert again.events() == [PeerBlocked(ADA, is_blocked=False)]
    assert (unblocked, again.network.blocked, home.store.kept) == ([ADA], frozenset(), {})


def test_a_blocked_peer_cannot_be_named() -> None:
    home = Home()
    trio.run(home.blocks.block, ADA)
    with pytest.raises(PeerBlockedError):
        home.blocks.name_peer(ADA)
    home.blocks.name_peer(BOB)


def test_a_disconnected_peer_is_dialled_again_once_it_is_named() -> None:
    home = Home()
    home.disconnect(ADA)
    assert (set(home.network.undialled), home.network.closed) == ({ADA}, [ADA])
    again = Home(home.store)
    assert again.network.undialled == {ADA}
    again.blocks.name_peer(ADA)
    assert (again.network.undialled, again.store.kept) == (frozenset(), {})


def test_only_what_is_to_be_forgotten_is() -> None:
    home = Home()
    forgotten: list[PeerId] = []
    home.blocks.on_forgotten.append(forgotten.append)
    home.disconnect(ADA)
    assert (forgotten, home.network.forgotten) == ([], [])
    home.disconnect(ADA, forget=True)
    assert (forgotten, home.network.forgotten) == ([ADA], [ADA])


def test_a_node_does_not_block_itself() -> None:
    home = Home()
    with pytest.raises(InvalidInputError):
        trio.run(home.blocks.block, OWN)
    with pytest.raises(InvalidInputError):
        home.disconnect(OWN)


def test_both_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_BLOCKED", 1)
    monkeypatch.setattr(blocks, "MAX_UNDIALLED", 2)
    home = Home()
    trio.run(home.blocks.block, ADA)
    with pytest.raises(LimitReachedError):
        trio.run(home.blocks.block, BOB)
    for peer_id in (ADA, BOB, ADA, EVE):
        home.disconnect(peer_id)
    assert home.network.undialled == {ADA, EVE}
    assert len(home.store.kept) == 3


def test_what_cannot_be_stored_is_not_done() -> None:
    home = Home()
    home.store.save_error = StorageFullError(1.0)
    with pytest.raises(StorageFullError):
        trio.run(home.blocks.block, ADA)
    with pytest.raises(StorageFullError):
        home.disconnect(ADA)
    assert (home.blocks.blocked, home.network.closed, home.events()) == ((), [], [])
