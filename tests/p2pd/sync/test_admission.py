from __future__ import annotations

import pytest

from p2pd.domain.names import PeerId
from p2pd.sync.admission import (
    HOLD_S,
    MAX_PEERS_COUNTED,
    MAX_SLOTS,
    MIB,
    MIB_BURST,
    PENALTY_S,
    REST_S,
    SESSIONS_BURST,
    WORK_S_BURST,
    Admission,
    Slot,
)

OWN, LOWER, HIGHER = PeerId("m"), PeerId("a"), PeerId("z")


def begin(admission: Admission, peer_id: PeerId, is_led: bool, now_s: float = 0.0) -> Slot:
    slot = admission.begin(peer_id, is_led, now_s)
    assert isinstance(slot, Slot), slot
    return slot


def test_a_peer_has_one_session_at_a_time() -> None:
    admission = Admission(OWN)
    slot = begin(admission, HIGHER, False)
    assert admission.begin(HIGHER, False, 0.0) == "busy"
    assert admission.begin(HIGHER, True, 0.0) == "busy"
    admission.end(slot, 0, 0.0)
    begin(admission, HIGHER, True)


def test_of_two_that_lead_to_each_other_one_goes_on() -> None:
    ours, theirs = Admission(LOWER), Admission(HIGHER)
    begin(ours, HIGHER, True)
    begin(theirs, LOWER, True)
    assert ours.begin(HIGHER, False, 0.0) == "busy"
    begin(theirs, LOWER, False)


@pytest.mark.trio
@pytest.mark.parametrize("is_led", [True, False])
async def test_where_all_slots_are_taken_the_longest_makes_room(is_led: bool) -> None:
    admission = Admission(OWN)
    slots = [
        begin(admission, PeerId(f"peer {number}"), is_led, number) for number in range(MAX_SLOTS)
    ]
    assert admission.begin(HIGHER, is_led, HOLD_S - 1) == "busy"
    begin(admission, LOWER, not is_led, HOLD_S - 1)
    begin(admission, HIGHER, is_led, HOLD_S)
    assert [slot.scope.cancel_called for slot in slots] == [True] + [False] * (MAX_SLOTS - 1)
    admission.end(slots[0], 0, 0.0)
    assert admission.begin(PeerId("one more"), is_led, HOLD_S) == "busy"


def test_a_barred_peer_waits_and_others_do_not() -> None:
    admission = Admission(OWN)
    admission.bar(HIGHER, 0.0)
    assert admission.begin(HIGHER, False, PENALTY_S - 1) == "limit"
    assert not admission.is_free(HIGHER, PENALTY_S - 1)
    begin(admission, LOWER, False)
    begin(admission, HIGHER, False, PENALTY_S)


def test_a_peer_that_rests_may_still_come_by_itself() -> None:
    admission = Admission(OWN)
    admission.let_rest(HIGHER, 0.0)
    assert not admission.is_free(HIGHER, REST_S - 1)
    begin(admission, HIGHER, False)


@pytest.mark.parametrize(
    ("size_bytes", "work_s"),
    [(int(MIB_BURST) * MIB, 0.0), (0, WORK_S_BURST)],
    ids=["bytes", "time"],
)
def test_what_a_peer_used_up_comes_back_with_time(size_bytes: int, work_s: float) -> None:
    admission = Admission(OWN)
    admission.end(begin(admission, HIGHER, False), size_bytes, work_s)
    assert admission.begin(HIGHER, False, 0.0) == "limit"
    begin(admission, LOWER, False)
    begin(admission, HIGHER, False, 20.0)


def test_sessions_have_a_rate() -> None:
    admission = Admission(OWN)
    for _ in range(SESSIONS_BURST):
        admission.end(begin(admission, HIGHER, False), 0, 0.0)
    assert admission.begin(HIGHER, False, 0.0) == "limit"
    begin(admission, HIGHER, True)


def test_a_barred_peer_stays_barred_whatever_peers_come_after_it() -> None:
    admission = Admission(OWN)
    admission.bar(HIGHER, 0.0)
    for number in range(2 * MAX_PEERS_COUNTED):
        admission.is_free(PeerId(f"made up {number}"), 1.0)
    assert admission.begin(HIGHER, False, 2.0) == "limit"
