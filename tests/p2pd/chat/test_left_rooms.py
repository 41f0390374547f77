"""Rooms that were joined and left cost nothing that stays, on disk or in memory."""

from __future__ import annotations

import gc
from pathlib import Path

import trio

from p2pd.domain.names import RoomName
from p2pd.store.sqlite_store import SqliteStore
from tests.p2pd.sync.members import Member, open_member
from tests.upstream.waiting import wait_seen

ROOMS = 200


def holders_of(rooms: list[RoomName]) -> list[str]:
    """Describe the containers of this process that hold a room's name, the test's own aside."""
    gc.collect()
    found = []
    for one in gc.get_objects():
        if isinstance(one, dict | set | frozenset) and any(room in one for room in rooms):
            found.append(f"{type(one).__name__} of {len(one)}: {str(one)[:200]}")
    return found


async def join_and_leave(member: Member, rooms: list[RoomName]) -> None:
    for room in rooms:
        await member.membership.join(room)
        member.log.items.item_set(room)
        member.log.items.displaced_set(room)
        await member.membership.leave(room)


def test_rooms_joined_and_left_stay_nowhere(tmp_path: Path) -> None:
    async def main() -> None:
        async with open_member(tmp_path / "a") as member:
            rooms = [RoomName(f"room {number}") for number in range(ROOMS)]
            await join_and_leave(member, rooms)
            sample = rooms[::40]
            await wait_seen(lambda: holders_of(sample), lambda found: not found, timeout_s=30)
            store = member.log.store
            assert isinstance(store, SqliteStore)
            assert rooms[7] not in store.room_records()

    trio.run(main)
