from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio
import trio.testing

from p2pd.chat.membership import MAX_ROOMS, Membership
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.errors import ChatError, LimitReachedError, StorageFailedError, StorageFullError
from p2pd.store.room_store import RoomRecord
from tests.p2pd.chat.ports import RoomsInMemory, TopicsInMemory, make_membership
from tests.p2pd.facts import NOW_NS

LOBBY, DEN = RoomName("lobby"), RoomName("den")


class House:
    """A membership between a store and the network."""

    def __init__(self, store: RoomsInMemory | None = None) -> None:
        self.store = store or RoomsInMemory()
        self.topics = TopicsInMemory()
        self.reports: list[tuple[str, RoomName]] = []
        self.membership: Membership = make_membership(self.store)
        self.membership.on_joined.append(lambda room: self.reports.append(("joined", room)))
        self.membership.on_left.append(lambda room: self.reports.append(("left", room)))

    def check(self) -> None:
        """Check that the store, the network and the membership say the same."""
        joined = set(self.membership.joined)
        assert joined == self.topics.subscribed == self.store.joined
        for room in (LOBBY, DEN, DEFAULT_ROOM):
            assert (self.membership.record(room) is not None) == (room in joined)


def run(scenario: Callable[[House], Awaitable[None]]) -> None:
    async def main() -> None:
        house = House()
        await house.membership.start(house.topics)
        with trio.fail_after(60):
            await scenario(house)
        house.check()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=1))


def test_the_configured_rooms_are_joined_and_survive_a_restart() -> None:
    async def scenario(house: House) -> None:
        await house.membership.join(LOBBY)
        await house.membership.leave(DEFAULT_ROOM)
        again = House(house.store)
        await again.membership.start(again.topics)
        assert again.membership.joined == (LOBBY,)
        again.check()

    run(scenario)


def test_joining_and_leaving_again_is_no_change() -> None:
    async def scenario(house: House) -> None:
        await house.membership.join(LOBBY)
        await house.membership.join(LOBBY)
        await house.membership.leave(LOBBY)
        await house.membership.leave(LOBBY)
        await house.membership.leave(DEN)
        assert house.reports == [("joined", LOBBY), ("left", LOBBY)]

    run(scenario)


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_callers_leaves_one_state_everywhere(seed: int) -> None:
    async def scenario(house: House) -> None:
        chance = random.Random(seed)

        async def call() -> None:
            for _ in range(40):
                room = chance.choice((LOBBY, DEN, DEFAULT_ROOM))
                act = chance.choice((house.membership.join, house.membership.leave))
                with trio.move_on_after(chance.choice((0, 1e-9, 1))):
                    for _ in range(chance.randrange(4)):
                        await trio.lowlevel.checkpoint()
                    await act(room)
                house.store.save_error = chance.choice((None, None, StorageFullError(1.0)))

        async def call_guarded() -> None:
            for _ in range(10):
                try:
                    await call()
                except ChatError:
                    continue
                return

        async with trio.open_nursery() as nursery:
            for _ in range(8):
                nursery.start_soon(call_guarded)
        house.store.save_error = None
        for room in (LOBBY, DEN):
            await house.membership.join(room)
            await house.membership.leave(room)

    run(scenario)


@pytest.mark.parametrize("error", [StorageFullError(1.0), StorageFailedError("no disk")])
def test_a_room_that_cannot_be_stored_is_not_joined(error: ChatError) -> None:
    async def scenario(house: House) -> None:
        house.store.save_error = error
        with pytest.raises(type(error)):
            await house.membership.join(LOBBY)
        with pytest.raises(type(error)):
            await house.membership.leave(DEFAULT_ROOM)
        assert house.membership.joined == (DEFAULT_ROOM,)
        house.store.save_error = None

    run(scenario)


def test_a_room_that_cannot_be_made_to_last_is_not_joined_and_not_left() -> None:
    async def fail() -> None:
        raise StorageFailedError("it may not survive")

    async def scenario(house: House) -> None:
        house.store.commit = fail
        with pytest.raises(StorageFailedError):
            await house.membership.join(LOBBY)
        with pytest.raises(StorageFailedError):
            await house.membership.leave(DEFAULT_ROOM)
        assert house.membership.joined == (DEFAULT_ROOM,)
        assert house.reports == []

    run(scenario)


def test_a_room_whose_topic_fails_is_not_joined() -> None:
    async def scenario(house: House) -> None:
        house.topics.join_error = RuntimeError("the library fails")
        with pytest.raises(RuntimeError):
            await house.membership.join(LOBBY)
        house.topics.join_error = None
        house.check()
        await house.membership.join(LOBBY)
        assert LOBBY in house.membership

    run(scenario)


def test_a_room_whose_topic_does_not_end_in_order_is_left() -> None:
    async def scenario(house: House) -> None:
        house.topics.leave_error = RuntimeError("the library fails")
        await house.membership.leave(DEFAULT_ROOM)
        assert house.membership.joined == ()
        assert house.reports == [("left", DEFAULT_ROOM)]

    run(scenario)


@pytest.mark.parametrize("checkpoints", range(8))
@pytest.mark.parametrize("is_join", [True, False])
def test_a_call_that_is_cancelled_is_done_or_undone(checkpoints: int, is_join: bool) -> None:
    async def scenario(house: House) -> None:
        room = LOBBY if is_join else DEFAULT_ROOM
        call = house.membership.join if is_join else house.membership.leave
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, room)
            for _ in range(checkpoints):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        house.check()

    run(scenario)


def test_no_more_rooms_are_joined_than_the_bound_however_many_ask_at_once() -> None:
    async def scenario(house: House) -> None:
        refused: list[RoomName] = []

        async def join(room: RoomName) -> None:
            try:
                await house.membership.join(room)
            except LimitReachedError:
                refused.append(room)

        async with trio.open_nursery() as nursery:
            for number in range(MAX_ROOMS + 10):
                nursery.start_soon(join, RoomName(f"room {number}"))
        assert len(house.membership.joined) == MAX_ROOMS
        assert len(refused) == 11

    run(scenario)


def test_what_waited_when_a_room_was_left_waits_when_it_is_joined_again() -> None:
    async def scenario(house: House) -> None:
        record = house.membership.record(DEFAULT_ROOM)
        assert record is not None
        house.membership.update(DEFAULT_ROOM, replace(record, sent_until=NOW_NS - 77))
        await house.membership.leave(DEFAULT_ROOM)
        await house.membership.join(DEFAULT_ROOM)
        again = house.membership.record(DEFAULT_ROOM)
        assert again is not None
        assert again.sent_until == NOW_NS - 77

    run(scenario)


def test_updates_are_stored_also_after_the_disk_was_full() -> None:
    async def scenario(house: House) -> None:
        record = house.membership.record(DEFAULT_ROOM)
        assert record is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.membership.run)
            house.store.save_error = StorageFullError(1.0)
            house.membership.update(DEFAULT_ROOM, replace(record, floor_ns=123))
            await trio.sleep(20)
            house.store.save_error = None
            await trio.sleep(20)
            assert house.store.records[DEFAULT_ROOM].floor_ns == 123
            nursery.cancel_scope.cancel()

    run(scenario)


def test_an_update_of_a_room_that_was_left_is_no_membership() -> None:
    async def scenario(house: House) -> None:
        record = house.membership.record(DEFAULT_ROOM)
        assert record is not None
        await house.membership.leave(DEFAULT_ROOM)
        house.membership.update(DEFAULT_ROOM, record)
        house.membership.save_updates()

    run(scenario)


def test_ten_thousand_rooms_joined_and_left_leave_nothing() -> None:
    async def scenario(house: House) -> None:
        house.store.keeps_left_rooms = False
        for number in range(10_000):
            room = RoomName(f"room {number}")
            await house.membership.join(room)
            await house.membership.leave(room)
        assert house.membership.joined == (DEFAULT_ROOM,)
        assert len(house.membership._locks) == 0
        assert len(house.membership._records) == 1
        assert not house.membership._unsaved

    run(scenario)


def test_times_that_a_clock_ahead_of_ours_left_are_corrected() -> None:
    store = RoomsInMemory()
    ahead_ns = NOW_NS + 40 * 24 * 3600 * 10**9
    record = RoomRecord(True, ahead_ns - 500, ahead_ns, NOW_NS, is_caught_up=True)
    store.save_rooms({DEFAULT_ROOM: record})
    membership = make_membership(store)
    membership.correct_times(NOW_NS)
    corrected = membership.record(DEFAULT_ROOM)
    assert corrected == replace(record, floor_ns=NOW_NS - 5_000, joined_ns=NOW_NS)
    membership.correct_times(NOW_NS + 1)
    assert membership.record(DEFAULT_ROOM) == corrected
    membership.save_updates()
    assert store.room_records()[DEFAULT_ROOM] == corrected
