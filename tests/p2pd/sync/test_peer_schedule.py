from __future__ import annotations

from p2pd.domain.names import PeerId, RoomName
from p2pd.sync.peer_schedule import FIRST_SEEK_WAIT_S, LAST_SEEK_WAIT_S, PeerSchedule

LOBBY = RoomName("lobby")
PEERS = frozenset(PeerId(name) for name in "abcde")


def test_every_peer_has_its_turn() -> None:
    turns = PeerSchedule()
    chosen: list[PeerId] = []
    for now_s in range(5):
        for peer_id in turns.next_peers(LOBBY, PEERS, 2):
            turns.initiated(peer_id, LOBBY, now_s)
            chosen.append(peer_id)
    assert set(chosen[:6]) == set(chosen[4:]) == PEERS


def test_who_has_no_past_is_asked_less_and_less_often() -> None:
    turns, (peer_id, *_) = PeerSchedule(), PEERS
    assert turns.seeks(peer_id, LOBBY, 0.0)
    waits = []
    now_s = 0.0
    for _ in range(12):
        turns.sought(peer_id, LOBBY, 0, now_s)
        asked_s = now_s
        while not turns.seeks(peer_id, LOBBY, now_s):
            now_s += FIRST_SEEK_WAIT_S
        waits.append(now_s - asked_s)
    assert waits == sorted(waits)
    assert waits[-1] == LAST_SEEK_WAIT_S
    turns.sought(peer_id, LOBBY, 1, now_s)
    assert turns.seeks(peer_id, LOBBY, now_s)


def test_who_went_away_is_forgotten() -> None:
    turns, (peer_id, *others) = PeerSchedule(), PEERS
    turns.sought(peer_id, LOBBY, 0, 0.0)
    turns.keep(LOBBY, frozenset(others))
    assert turns.seeks(peer_id, LOBBY, 0.0)
