from __future__ import annotations

from p2pd.domain.names import RoomName
from p2pd.sync.room_ages import RoomAge, RoomAges

ROOM, OTHER = RoomName("room"), RoomName("other")


def test_a_room_ages_until_it_was_compared() -> None:
    ages = RoomAges()
    ages.keep([ROOM], 100.0)
    assert ages.age_of(ROOM, 2, 130.0) == RoomAge(ROOM, 30.0, 0.0, 2)
    ages.compared(ROOM, True, 140.0)
    assert ages.age_of(ROOM, 2, 145.0) == RoomAge(ROOM, 5.0, 0.0, 2)


def test_a_room_lags_from_the_first_session_that_left_something_until_one_left_nothing() -> None:
    ages = RoomAges()
    ages.compared(ROOM, True, 100.0)
    ages.compared(ROOM, False, 110.0)
    ages.compared(ROOM, False, 120.0)
    assert ages.age_of(ROOM, 1, 125.0) == RoomAge(ROOM, 25.0, 15.0, 1)
    ages.compared(ROOM, True, 130.0)
    assert ages.age_of(ROOM, 1, 131.0) == RoomAge(ROOM, 1.0, 0.0, 1)


def test_a_room_that_was_left_is_forgotten() -> None:
    ages = RoomAges()
    ages.keep([ROOM, OTHER], 100.0)
    ages.keep([OTHER], 110.0)
    ages.keep([ROOM, OTHER], 120.0)
    assert [ages.age_of(room, 0, 121.0).age_s for room in (ROOM, OTHER)] == [1.0, 21.0]
