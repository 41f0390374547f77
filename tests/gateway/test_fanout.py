from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

import orjson
import pytest

from gateway.channel.events import Fields, NodeEvent, event_of_unknown_kind
from gateway.channel.follower import PROGRESS_INTERVAL_S
from gateway.channel.log import ENTRY_OVERHEAD_BYTES, Channel
from gateway.channel.view import View
from gateway.counts import Counts
from gateway.delivery.catch_up import TURN_BYTES, WRITE_MAX_BYTES
from gateway.delivery.fanout import Fanout
from gateway.errors import NODE_AWAY, NodeError
from gateway.http.framing import frames_from_payloads

NODE = {"peer_id": "me", "rooms": ["r"]}
MANY_BYTES = 1 << 20
SMALL_BYTES = 5 * (ENTRY_OVERHEAD_BYTES + 130)


def message(number: int, room: str = "r") -> NodeEvent:
    fields = {"type": "message", "cursor": f"c{number}", "room": room, "text": str(number)}
    return NodeEvent(f"c{number}", room, {**fields, "time": "t"})


def snapshot(cursor: str, *peers: str) -> NodeEvent:
    fields = {"type": "snapshot", "cursor": cursor, "time": "t", "node": NODE}
    known = [{"peer_id": peer, "rooms": []} for peer in peers]
    return NodeEvent(cursor, None, {**fields, "peers": known})


def coming(peer: str, cursor: str) -> NodeEvent:
    fields = {"type": "peer_connected", "cursor": cursor, "time": "t"}
    return NodeEvent(cursor, None, {**fields, "peer": {"peer_id": peer, "rooms": []}})


def gap(cursor: str) -> NodeEvent:
    fields = {"type": "gap", "cursor": cursor, "time": "t", "reason": "unknown_cursor"}
    return NodeEvent(cursor, None, {**fields, "missing": 0})


def event(kind: str, cursor: str) -> NodeEvent:
    return NodeEvent(cursor, None, {"type": kind, "cursor": cursor, "time": "t"})


class Pipe:
    """A browser's socket that keeps what is written, and can be full."""

    def __init__(self) -> None:
        self.is_writable = True
        self.writes: list[bytes] = []

    def write(self, wire: bytes) -> None:
        self.writes.append(wire)

    def limit_waiting(self, max_bytes: int | None) -> None:
        pass

    @property
    def frames(self) -> list[Fields]:
        return [frame for wire in self.writes for frame in frames_from_wire(wire)]

    @property
    def told(self) -> list[str]:
        """The texts of messages, the types of everything else but the end of the backlog."""
        return [one for one in self.all_told if one != "caught_up"]

    @property
    def all_told(self) -> list[str]:
        return [frame.get("text", frame["type"]) for frame in self.frames]


def frames_from_wire(wire: bytes) -> list[Fields]:
    frames = []
    while wire:
        start, size = 2, wire[1]
        if size == 126:
            start, size = 4, int.from_bytes(wire[2:4], "big")
        frames.append(orjson.loads(wire[start : start + size]))
        wire = wire[start + size :]
    return frames


class Node:
    """A node's log as catch-ups read it: stored messages, then what is appended."""

    def __init__(self) -> None:
        self.log: list[NodeEvent] = []
        self.opened: list[str | None] = []
        self.is_ready = asyncio.Event()
        self.is_ready.set()
        self.changed = asyncio.Condition()
        self.breaks_after = -1

    async def wait_ready(self) -> None:
        await self.is_ready.wait()

    async def open_events(
        self, after: str | None, until: Sequence[str]
    ) -> AsyncGenerator[list[NodeEvent], None]:
        self.opened.append(after)
        cursors = [event.cursor for event in self.log]
        known = after in {"", *cursors}
        place = cursors.index(after) + 1 if after in cursors else 0
        begin = cursors[place - 1] if place else "c0"
        yield [snapshot(begin, "own"), *([] if known else [gap(begin)])]
        while True:
            if self.breaks_after == place:
                self.breaks_after = -1
                raise NodeError(NODE_AWAY)
            if place < len(self.log):
                place += 1
                yield [self.log[place - 1]]
            else:
                async with self.changed:
                    await self.changed.wait()


class House:
    """A fan-out with its parts, in one event loop."""

    def __init__(self, tasks: asyncio.TaskGroup, max_bytes: int) -> None:
        self.node = Node()
        self.counts = Counts()
        self.tasks: list[asyncio.Task[None]] = []

        def spawn(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
            self.tasks.append(tasks.create_task(work))
            return self.tasks[-1]

        self.fanout = Fanout(
            Channel(max_bytes, frames_from_payloads),
            View(),
            self.counts,
            self.node,
            spawn,
            backlog_bytes=max_bytes,
            # How long the fan-out pauses depends on how busy the machine is.
            pause_share=0.0,
            catch_up_pause_share=0.0,
        )

    async def happen(self, *events: NodeEvent) -> None:
        """Have the node log something and tell the gateway."""
        self.node.log += [event for event in events if event.fields["type"] == "message"]
        async with self.node.changed:
            self.node.changed.notify_all()
        self.fanout.append_events(events)
        await settle()


async def settle() -> None:
    """Let everything that can run do so."""
    for _ in range(200):
        await asyncio.sleep(0)


def run(scene: Callable[[House], Awaitable[None]], max_bytes: int = MANY_BYTES) -> House:
    async def play() -> House:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            house = House(tasks, max_bytes)
            await scene(house)
            for task in house.tasks:
                task.cancel()
        return house

    return asyncio.run(play())


ALL: frozenset[str] = frozenset()


@pytest.mark.parametrize("max_bytes", [MANY_BYTES, SMALL_BYTES])
def test_an_event_of_an_unknown_kind_moves_the_cursor_and_is_not_written(max_bytes: int) -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), message(1))
        pipe = Pipe()
        reader = house.fanout.add_reader(pipe, None, ALL)
        await house.happen(event_of_unknown_kind("c2"))
        assert reader.cursor == "c2"
        await house.happen(message(3))
        assert [told for told in pipe.told if told != "node_state"] == ["snapshot", "3"]

    run(scene, max_bytes)


def test_without_a_cursor_the_state_and_then_what_happens() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0", "a"), message(1), coming("b", "c1"))
        pipe = Pipe()
        house.fanout.set_node_state("ready")
        house.fanout.add_reader(pipe, None, ALL)
        await house.happen(message(2))
        assert pipe.told == ["snapshot", "2"]
        assert pipe.frames[0]["cursor"] == "c1"
        assert [peer["peer_id"] for peer in pipe.frames[0]["peers"]] == ["a", "b"]

    run(scene)


@pytest.mark.parametrize(("after", "expected"), [("c2", ["3", "4"]), ("c4", []), (None, [])])
def test_end_of_the_backlog_is_reported_to_one_who_gave_a_cursor(
    after: str | None, expected: list[str]
) -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 5)))
        house.fanout.set_node_state("ready")
        pipe = Pipe()
        house.fanout.add_reader(pipe, after, ALL)
        await settle()
        await house.happen(message(5), event("caught_up", "c5"), event("progress", "c5"))
        told = [one for one in pipe.all_told if one != "node_state"]
        end = [] if after is None else ["caught_up"]
        assert told == ["snapshot", *expected, *end, "5"]
        if after is not None:
            (frame,) = (one for one in pipe.frames if one["type"] == "caught_up")
            assert frame["cursor"] == "c4"

    run(scene)


def test_one_who_asked_for_a_quiet_room_gets_a_cursor_to_keep() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"))
        house.fanout.set_node_state("ready")
        pipe = Pipe()
        reader = house.fanout.add_reader(pipe, None, frozenset({"quiet"}))
        await settle()
        await house.happen(message(1))
        assert pipe.all_told == ["snapshot"]
        reader._reported_s -= PROGRESS_INTERVAL_S
        await house.happen(message(2))
        await house.happen(message(3))
        assert [(one["type"], one["cursor"]) for one in pipe.frames[1:]] == [("progress", "c2")]

    run(scene)


def test_what_one_wake_up_brings_is_one_write() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"))
        pipe = Pipe()
        house.fanout.add_reader(pipe, None, ALL)
        await settle()
        before = len(pipe.writes)
        house.fanout.append_events([message(1)])
        house.fanout.append_events([message(2), message(3)])
        await settle()
        assert pipe.told[-3:] == ["1", "2", "3"]
        assert len(pipe.writes) == before + 1

    run(scene)


def test_a_cursor_in_the_channel_is_served_without_a_call_to_the_node() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 6)))
        house.fanout.set_node_state("ready")
        pipe = Pipe()
        house.fanout.add_reader(pipe, "c2", ALL)
        await house.happen(message(6))
        assert [told for told in pipe.told if told != "node_state"] == [
            "snapshot", "3", "4", "5", "6",
        ]  # fmt: skip
        assert pipe.frames[0]["cursor"] == "c2"
        assert house.node.opened == []

    run(scene)


def test_an_older_cursor_is_served_by_the_node_and_joins_the_channel_at_the_seam() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 30)))
        pipe = Pipe()
        house.fanout.add_reader(pipe, "c3", ALL)
        await settle()
        await house.happen(message(30))
        numbers = [told for told in pipe.told if told.isdigit()]
        assert numbers == [str(number) for number in range(4, 31)]
        assert house.node.opened == ["c3"]
        assert house.counts.catch_ups == 0

    run(scene, SMALL_BYTES)


def test_a_restarted_gateway_serves_old_cursors_from_the_node() -> None:
    async def scene(house: House) -> None:
        house.node.log = [message(number) for number in range(1, 10)]
        house.node.is_ready.clear()
        old, newest, fresh = Pipe(), Pipe(), Pipe()
        house.fanout.add_reader(old, "c4", ALL)
        house.fanout.add_reader(newest, "c9", ALL)
        house.fanout.add_reader(fresh, None, ALL)
        await settle()
        assert [pipe.told for pipe in (old, newest, fresh)] == [["node_state"]] * 3
        house.fanout.append_events([snapshot("c9")])
        house.node.is_ready.set()
        await settle()
        await house.happen(message(10))
        told = [[one for one in pipe.told if one != "node_state"] for pipe in (old, newest, fresh)]
        assert told == [
            ["snapshot", "5", "6", "7", "8", "9", "10"],
            ["snapshot", "10"],
            ["snapshot", "10"],
        ]

    run(scene)


def test_a_cursor_the_node_does_not_know_is_told_by_a_gap() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), message(1), message(2))
        pipe = Pipe()
        house.fanout.add_reader(pipe, "other-log", ALL)
        await settle()
        await house.happen(message(3))
        assert [told for told in pipe.told if told != "node_state"] == [
            "snapshot", "gap", "1", "2", "3",
        ]  # fmt: skip

    run(scene)


def test_a_catch_up_that_breaks_goes_on_where_it_was() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 30)))
        house.node.breaks_after = 9
        pipe = Pipe()
        house.fanout.add_reader(pipe, "c3", ALL)
        while house.counts.catch_ups:
            await asyncio.sleep(0.01)
        await settle()
        assert [told for told in pipe.told if told.isdigit()] == [str(n) for n in range(4, 30)]
        assert house.node.opened == ["c3", "c9"]

    run(scene, SMALL_BYTES)


def test_a_browser_that_stops_taking_costs_nobody_and_misses_no_message() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"))
        slow, quick = Pipe(), Pipe()
        reader = house.fanout.add_reader(slow, None, ALL)
        house.fanout.add_reader(quick, None, ALL)
        await house.happen(message(1))
        slow.is_writable = False
        for number in range(2, 40):
            await house.happen(message(number))
        assert [told for told in quick.told if told.isdigit()] == [str(n) for n in range(1, 40)]
        assert [told for told in slow.told if told.isdigit()] == ["1"]
        slow.is_writable = True
        house.fanout.resume(reader)
        await settle()
        await house.happen(message(40))
        assert [told for told in slow.told if told.isdigit()] == [str(n) for n in range(1, 41)]
        assert slow.told.count("snapshot") == 2

    run(scene, SMALL_BYTES)


def test_a_catch_up_waits_for_a_full_socket() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 30)))
        pipe = Pipe()
        pipe.is_writable = False
        reader = house.fanout.add_reader(pipe, "c1", ALL)
        await settle()
        assert not [told for told in pipe.told if told.isdigit()]
        pipe.is_writable = True
        house.fanout.resume(reader)
        await settle()
        assert [told for told in pipe.told if told.isdigit()] == [str(n) for n in range(2, 30)]

    run(scene, SMALL_BYTES)


def test_only_the_rooms_asked_for_are_told() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), message(1, "r"), message(2, "s"))
        pipe = Pipe()
        house.fanout.add_reader(pipe, "c0", frozenset({"s"}))
        await house.happen(message(3, "r"), message(4, "s"), coming("p", "c4"))
        told = [one for one in pipe.told if one != "node_state"]
        assert told == ["snapshot", "2", "4", "peer_connected"]

    run(scene)


def test_everybody_is_told_when_the_node_goes_and_comes() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), message(1))
        house.fanout.set_node_state("ready")
        follower, behind = Pipe(), Pipe()
        house.fanout.add_reader(follower, None, ALL)
        house.node.is_ready.clear()
        house.fanout.add_reader(behind, "unknown", ALL)
        house.fanout.set_node_state("away")
        await settle()
        late = Pipe()
        house.fanout.add_reader(late, None, ALL)
        house.fanout.set_node_state("ready")
        await settle()
        states = [
            [frame["state"] for frame in pipe.frames if frame["type"] == "node_state"]
            for pipe in (follower, behind, late)
        ]
        assert states == [["away", "ready"]] * 3
        assert late.told[0] == "snapshot"

    run(scene)


def test_who_has_left_is_told_nothing() -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"))
        following, catching_up = Pipe(), Pipe()
        readers = [
            house.fanout.add_reader(following, None, ALL),
            house.fanout.add_reader(catching_up, "unknown", ALL),
        ]
        for reader in readers:
            house.fanout.remove_reader(reader)
        written = len(following.writes), len(catching_up.writes)
        await house.happen(message(1))
        assert (len(following.writes), len(catching_up.writes)) == written
        assert house.counts.catch_ups == 0

    run(scene)


@pytest.mark.parametrize("count", [33, 100])
def test_more_catch_ups_than_turns_all_arrive(count: int) -> None:
    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 30)))
        pipes = [Pipe() for _ in range(count)]
        for pipe in pipes:
            house.fanout.add_reader(pipe, "c2", ALL)
        while house.counts.catch_ups:
            await asyncio.sleep(0.01)
        await settle()
        expected = [str(number) for number in range(3, 30)]
        for pipe in pipes:
            assert [told for told in pipe.told if told.isdigit()] == expected

    run(scene, SMALL_BYTES)


@pytest.mark.parametrize("places", [1, 20, 40])
def test_the_node_is_asked_once_for_what_many_browsers_missed(places: int) -> None:
    """Most leave once they have what they missed, before anything meets the channel."""

    async def scene(house: House) -> None:
        house.node.log = [message(number) for number in range(1, 60)]
        house.fanout.append_events([snapshot("c59")])
        pipes = [Pipe() for _ in range(200)]
        cursors = [20 + number * 7 % places for number in range(len(pipes))]
        for cursor, pipe in zip(cursors, pipes, strict=True):
            house.fanout.add_reader(pipe, f"c{cursor}", ALL)
        while house.counts.catch_ups:
            await asyncio.sleep(0.001)
        await house.happen(message(60))
        for cursor, pipe in zip(cursors, pipes, strict=True):
            assert [int(one) for one in pipe.told if one.isdigit()] == list(range(cursor + 1, 61))
            assert pipe.told.count("snapshot") == 1
        messages = house.counts.replayed_events - house.counts.replays
        assert messages == 59 - min(cursors)
        late = Pipe()
        house.fanout.add_reader(late, f"c{min(cursors)}", ALL)
        await settle()
        assert len([one for one in late.told if one.isdigit()]) == 60 - min(cursors)
        assert house.counts.replayed_events - house.counts.replays == messages

    run(scene)


def test_a_browser_that_leaves_in_the_middle_takes_nothing_from_the_others() -> None:
    async def scene(house: House) -> None:
        house.node.log = [message(number) for number in range(1, 60)]
        house.fanout.append_events([snapshot("c59")])
        first = house.fanout.add_reader(Pipe(), "c2", ALL)
        while not house.counts.replayed_events:
            await asyncio.sleep(0)
        house.fanout.remove_reader(first)
        pipe = Pipe()
        house.fanout.add_reader(pipe, "c4", ALL)
        while house.counts.catch_ups:
            await asyncio.sleep(0.001)
        assert [one for one in pipe.told if one.isdigit()] == [str(n) for n in range(5, 60)]
        assert house.counts.replayed_events - house.counts.replays == 57

    run(scene)


def test_what_is_longer_than_the_memory_is_read_by_all_and_fetched_about_once() -> None:
    async def scene(house: House) -> None:
        house.node.log = [message(number) for number in range(1, 200)]
        house.fanout.append_events([snapshot("c199")])
        pipes = [Pipe() for _ in range(20)]
        for pipe in pipes:
            house.fanout.add_reader(pipe, "c2", ALL)
        while house.counts.catch_ups:
            await asyncio.sleep(0.001)
        for pipe in pipes:
            assert [one for one in pipe.told if one.isdigit()] == [str(n) for n in range(3, 200)]
        assert house.counts.replayed_events <= 2 * 200

    run(scene, SMALL_BYTES)


def test_one_that_does_not_read_holds_nobody_and_misses_nothing() -> None:
    async def scene(house: House) -> None:
        house.node.log = [message(number) for number in range(1, 200)]
        house.fanout.append_events([snapshot("c199")])
        slow, quick = Pipe(), Pipe()
        slow.is_writable = False
        reader = house.fanout.add_reader(slow, "c2", ALL)
        house.fanout.add_reader(quick, "c3", ALL)
        while house.counts.catch_ups > 1:
            await asyncio.sleep(0.001)
        assert [one for one in quick.told if one.isdigit()] == [str(n) for n in range(4, 200)]
        assert slow.told == ["node_state"]
        slow.is_writable = True
        house.fanout.resume(reader)
        while house.counts.catch_ups:
            await asyncio.sleep(0.001)
        assert [one for one in slow.told if one.isdigit()] == [str(n) for n in range(3, 200)]

    run(scene, SMALL_BYTES)


def test_peers_that_came_behind_a_snapshot_and_were_evicted_are_in_another() -> None:
    """A browser that replays for long has an old state when it reaches the channel."""

    async def scene(house: House) -> None:
        house.node.log = [message(number) for number in range(1, 30)]
        house.fanout.append_events([snapshot("c29")])
        pipe = Pipe()
        reader = house.fanout.add_reader(pipe, "c2", ALL)
        while not pipe.told:
            await asyncio.sleep(0)
        pipe.is_writable = False
        await house.happen(coming("new", "c29"))
        await house.happen(*map(message, range(30, 60)))
        pipe.is_writable = True
        house.fanout.resume(reader)
        while house.counts.catch_ups:
            await asyncio.sleep(0.001)
        assert [one for one in pipe.told if one.isdigit()] == [str(n) for n in range(3, 60)]
        snapshots = [frame for frame in pipe.frames if frame["type"] == "snapshot"]
        assert [peer["peer_id"] for peer in snapshots[-1]["peers"]] == ["new"]

    run(scene, SMALL_BYTES)


def test_catch_ups_of_many_leave_the_loop_to_others_between_turns() -> None:
    """Browsers whose cursors the channel holds, so that all could be served at once."""

    async def scene(house: House) -> None:
        await house.happen(snapshot("c0"), *map(message, range(1, 101)))
        pipes = [Pipe() for _ in range(500)]
        for pipe in pipes:
            house.fanout.add_reader(pipe, "c0", ALL)
        most_bytes = before_bytes = house.counts.bytes_sent
        while house.counts.catch_ups:
            await asyncio.sleep(0)
            most_bytes = max(most_bytes, house.counts.bytes_sent - before_bytes)
            before_bytes = house.counts.bytes_sent
        assert all(len([one for one in pipe.told if one.isdigit()]) == 100 for pipe in pipes)
        assert before_bytes > 4 * TURN_BYTES
        assert most_bytes <= TURN_BYTES + 2 * WRITE_MAX_BYTES

    run(scene)
