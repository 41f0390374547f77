from __future__ import annotations

import pytest

from p2pd.domain.names import PeerId
from p2pd.sync.admission import (
    COOLDOWN_S,
    HOLD_S,
    MAX_PEERS_COUNTED,
    MAX_SLOTS,
    MIB,
    MIB_BURST,
    PENALTY_S,
    SESSIONS_BURST,
    WORK_S_BURST,
    Admission,
    Slot,
)

OWN, LOWER, HIGHER = PeerId("m"), PeerId("a"), PeerId("z")


def admit(admission: Admission, peer_id: PeerId, is_initiator: bool, now_s: float = 0.0) -> Slot:
    slot = admission.admit(peer_id, is_initiator, now_s)
    assert isinstance(slot, Slot), slot
    return slot


def test_a_peer_has_one_session_at_a_time() -> None:
    admission = Admission(OWN)
    slot = admit(admission, HIGHER, False)
    assert admission.admit(HIGHER, False, 0.0) == "busy"
    assert admission.admit(HIGHER, True, 0.0) == "busy"
    admission.release(slot, 0, 0.0)
    admit(admission, HIGHER, True)


def test_of_two_that_initiate_with_each_other_one_goes_on() -> None:
    ours, theirs = Admission(LOWER), Admission(HIGHER)
    admit(ours, HIGHER, True)
    admit(theirs, LOWER, True)
    assert ours.admit(HIGHER, False, 0.0) == "busy"
    admit(theirs, LOWER, False)


@pytest.mark.trio
@pytest.mark.parametrize("is_initiator", [True, False])
async def test_where_all_slots_are_taken_the_longest_makes_room(is_initiator: bool) -> None:
    admission = Admission(OWN)
    slots = [
        admit(admission, PeerId(f"peer {number}"), is_initiator, number)
        for number in range(MAX_SLOTS)
    ]
    assert admission.admit(HIGHER, is_initiator, HOLD_S - 1) == "busy"
    admit(admission, LOWER, not is_initiator, HOLD_S - 1)
    admit(admission, HIGHER, is_initiator, HOLD_S)
    assert [slot.scope.cancel_called for slot in slots] == [True] + [False] * (MAX_SLOTS - 1)
    admission.release(slots[0], 0, 0.0)
    assert admission.admit(PeerId("one more"), is_initiator, HOLD_S) == "busy"


def test_a_barred_peer_waits_and_others_do_not() -> None:
    admission = Admission(OWN)
    admission.bar(HIGHER, 0.0)
    assert admission.admit(HIGHER, False, PENALTY_S - 1) == "limit"
    assert not admission.may_initiate(HIGHER, PENALTY_S - 1)
    admit(admission, LOWER, False)
    admit(admission, HIGHER, False, PENALTY_S)


def test_a_peer_that_rests_may_still_come_by_itself() -> None:
    admission = Admission(OWN)
    admission.start_cooldown(HIGHER, 0.0)
    assert not admission.may_initiate(HIGHER, COOLDOWN_S - 1)
    admit(admission, HIGHER, False)


@pytest.mark.parametrize(
    ("size_bytes", "work_s"),
    [(int(MIB_BURST) * MIB, 0.0), (0, WORK_S_BURST)],
    ids=["bytes", "time"],
)
def test_what_a_peer_used_up_comes_back_with_time(size_bytes: int, work_s: float) -> None:
    admission = Admission(OWN)
    admission.release(admit(admission, HIGHER, False), size_bytes, work_s)
    assert admission.admit(HIGHER, False, 0.0) == "limit"
    admit(admission, LOWER, False)
    admit(admission, HIGHER, False, 20.0)


def test_sessions_have_a_rate() -> None:
    admission = Admission(OWN)
    for _ in range(SESSIONS_BURST):
        admission.release(admit(admission, HIGHER, False), 0, 0.0)
    assert admission.admit(HIGHER, False, 0.0) == "limit"
    admit(admission, HIGHER, True)


def test_a_barred_peer_stays_barred_whatever_peers_come_after_it() -> None:
    admission = Admission(OWN)
    admission.bar(HIGHER, 0.0)
    for number in range(2 * MAX_PEERS_COUNTED):
        admission.may_initiate(PeerId(f"made up {number}"), 1.0)
    assert admission.admit(HIGHER, False, 2.0) == "limit"
