"""A queue to a peer is bounded, keeps order, and makes nobody wait for a peer that is stuck."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from p2pd.net.pubsub.send_queue import SendQueue, wait_for_room
from tests.upstream.waiting import wait_seen

FRAME = bytes(100)


@pytest.mark.trio
async def test_frames_come_joined_in_order_control_first() -> None:
    queue = SendQueue(1_000)
    queue.push(b"one")
    queue.push(b"two")
    queue.push_control(b"control")
    assert await queue.take(1_000) == b"controlonetwo"


@pytest.mark.trio
async def test_take_stops_at_the_size_asked_for_but_takes_one_frame_whole() -> None:
    queue = SendQueue(1_000)
    for _ in range(5):
        queue.push(FRAME)
    assert len(await queue.take(150)) == 200
    assert len(await queue.take(1)) == 100


@pytest.mark.trio
async def test_full_queue_refuses_and_tells_how_full_it_is() -> None:
    queue = SendQueue(1_000)
    assert all(queue.push(FRAME) for _ in range(10))
    assert not queue.push(FRAME)
    assert queue.fill == 1.0
    assert queue.push_control(FRAME)


@pytest.mark.trio
async def test_publisher_waits_until_the_queue_is_half_empty(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queue = SendQueue(1_000)
    for _ in range(10):
        queue.push(FRAME)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for_room, [queue], 5.0)
        await trio.testing.wait_all_tasks_blocked()
        await queue.take(300)
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        await queue.take(300)
    assert trio.current_time() < 5.0
    assert not queue.is_lagging


@pytest.mark.trio
async def test_stuck_peer_is_waited_for_once(autojump_clock: trio.testing.MockClock) -> None:
    queue = SendQueue(1_000)
    for _ in range(10):
        queue.push(FRAME)
    start = trio.current_time()
    for _ in range(20):
        await wait_for_room([queue], 5.0)
    assert trio.current_time() - start == pytest.approx(5.0)
    assert queue.is_lagging
    await queue.take(1_000)
    assert not queue.is_lagging


@pytest.mark.trio
async def test_finished_queue_is_emptied_and_closed_queue_is_not() -> None:
    finished, closed = SendQueue(1_000), SendQueue(1_000)
    for queue in (finished, closed):
        queue.push(b"waiting")
    finished.finish()
    closed.close()
    assert await finished.take(1_000) == b"waiting"
    assert await finished.take(1_000) == b""
    assert await closed.take(1_000) == b""
    assert not finished.push(b"late")
    assert not closed.push(b"late")


@pytest.mark.trio
async def test_closing_wakes_who_waits() -> None:
    queue = SendQueue(1_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.take, 1)
        await trio.testing.wait_all_tasks_blocked()
        queue.close()


def queue_with(frames: int) -> SendQueue:
    queue = SendQueue(1_000)
    for _ in range(frames):
        queue.push(FRAME)
    return queue


@pytest.mark.trio
async def test_stuck_peers_cost_one_wait_however_many_they_are(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queues = [queue_with(10) for _ in range(20)]
    start = trio.current_time()
    await wait_for_room(queues, 5.0)
    assert trio.current_time() - start == pytest.approx(5.0)
    assert all(queue.is_lagging for queue in queues)


@pytest.mark.trio
async def test_stuck_peers_that_fill_up_one_after_the_other_cost_one_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    queues = [queue_with(frames) for frames in (1, 2, 3, 4, 5, 6, 7, 8)]
    start = trio.current_time()
    for _ in range(10):
        await wait_for_room(queues, 5.0)
        for queue in queues:
            queue.push(FRAME)
    assert trio.current_time() - start == pytest.approx(5.0)


@pytest.mark.trio
async def test_peer_that_takes_something_beside_stuck_ones_is_waited_for_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    stuck, slow = queue_with(10), queue_with(10)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_for_room, [stuck, slow], 5.0)
        await trio.sleep(1.0)
        await slow.take(600)
        while slow.push(FRAME):
            pass
    assert stuck.is_lagging
    assert not slow.is_lagging


class Stream:
    """Takes at once what it has room for."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.written: list[bytes] = []

    def can_write_now(self, size: int) -> bool:
        return size <= self.room

    def write_now(self, data: bytes) -> None:
        self.room -= len(data)
        self.written.append(data)


@pytest.mark.trio
async def test_what_a_turn_brings_is_written_at_its_end_without_the_writer() -> None:
    queue, stream, taken = SendQueue(1_000_000), Stream(room=250), list[bytes]()
    queue.use(stream)

    async def write() -> None:
        while True:
            taken.append(await queue.take(1_000))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        await trio.testing.wait_all_tasks_blocked()
        queue.push(FRAME)
        queue.push(FRAME)
        assert stream.written == []
        await wait_seen(lambda: stream.written)
        assert (stream.written, taken) == ([FRAME + FRAME], [])
        queue.push(FRAME)
        await wait_seen(lambda: taken)
        assert (stream.written, taken) == ([FRAME + FRAME], [FRAME])
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_writer_is_woken_where_the_stream_has_no_room_any_more_at_the_end_of_the_turn() -> (
    None
):
    queue, stream = SendQueue(1_000_000), Stream(room=250)
    queue.use(stream)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def push() -> None:
            await trio.testing.wait_all_tasks_blocked()
            queue.push(FRAME)
            stream.room = 0

        # Nothing else wakes the loop.
        with trio.fail_after(5):
            assert await queue.take(1_000) == FRAME
    assert stream.written == []
