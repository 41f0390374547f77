from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from p2pd.domain.storage import StorageState
from p2pd.errors import StorageFailedError
from p2pd.store.durability import Durability
from p2pd.store.sqlite_store import open_store
from tests.p2pd.store.stores import append, message_of, offsets

DEADLINE_S = 30


class HeldSync:
    """A disk whose fsyncs wait to be let go, one by one."""

    def __init__(self) -> None:
        self.offset = 0
        self.begun = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        offset = self.offset
        self.begun.release()
        assert self.let_go.acquire(timeout=DEADLINE_S)
        return offset


async def until_begun(sync: HeldSync) -> None:
    await trio.to_thread.run_sync(lambda: sync.begun.acquire(timeout=DEADLINE_S))


def run(main: Callable[[], object]) -> None:
    async def bounded() -> None:
        with trio.fail_after(DEADLINE_S):
            await main()  # type: ignore[misc]

    trio.run(bounded)


def test_callbacks_come_after_the_fsync_that_covers_them() -> None:
    sync = HeldSync()
    durability = Durability(sync)
    called: list[tuple[int, StorageFailedError | None, bool]] = []
    done = threading.Semaphore(0)

    def call_when_durable(offset: int) -> None:
        def call(error: StorageFailedError | None) -> None:
            called.append((offset, error, threading.current_thread() is threading.main_thread()))
            done.release()

        sync.offset = max(sync.offset, offset)
        durability.call_when_durable(offset, call)

    async def main() -> None:
        call_when_durable(1)
        await until_begun(sync)
        call_when_durable(2)
        call_when_durable(3)
        await wait_all_tasks_blocked()
        assert called == []
        sync.let_go.release()
        await until_begun(sync)
        assert called == [(1, None, False)]
        sync.let_go.release()
        await trio.to_thread.run_sync(lambda: [done.acquire(timeout=DEADLINE_S) for _ in range(3)])
        assert called[1:] == [(2, None, False), (3, None, False)]
        call_when_durable(2)
        assert called[3:] == [(2, None, True)]
        assert sync.count == 2

    run(main)
    durability.close()


def test_callbacks_are_told_what_may_not_survive() -> None:
    def fail() -> int:
        raise OSError("gone")

    durability = Durability(fail)
    errors: list[StorageFailedError | None] = []

    async def main() -> None:
        durability.call_when_durable(1, errors.append)
        with pytest.raises(StorageFailedError):
            await durability.wait_all()
        assert [type(error) for error in errors] == [StorageFailedError]

    run(main)
    durability.close()

    async def closed() -> None:
        durability.call_when_durable(2, errors.append)
        assert [type(error) for error in errors] == [StorageFailedError] * 2

    run(closed)


def test_those_who_come_during_an_fsync_share_the_next() -> None:
    sync = HeldSync()
    durability = Durability(sync)
    answered: list[int] = []
    some = trio.Event()

    async def wait(offset: int) -> None:
        await durability.wait(offset)
        answered.append(offset)
        some.set()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            sync.offset = 1
            nursery.start_soon(wait, 1)
            await until_begun(sync)
            for offset in range(2, 34):
                sync.offset = offset
                nursery.start_soon(wait, offset)
            await wait_all_tasks_blocked()
            assert answered == []
            sync.let_go.release()
            await until_begun(sync)
            await some.wait()
            assert answered == [1]
            sync.let_go.release()
        assert sorted(answered) == list(range(1, 34))
        await wait(20)

    run(main)
    durability.close()
    assert sync.count == 2


def test_one_who_gives_up_costs_the_others_nothing() -> None:
    sync = HeldSync()
    durability = Durability(sync)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            sync.offset = 2
            with trio.CancelScope() as gives_up:
                nursery.start_soon(durability.wait, 2)
                await until_begun(sync)
                gives_up.cancel()
                await durability.wait(1)
            assert gives_up.cancelled_caught
            sync.let_go.release(2)

    run(main)
    durability.close()


def test_a_failed_fsync_is_never_an_acknowledgement(tmp_path: Path) -> None:
    calls: list[int] = []

    def fail_once(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, "Input/output error")
        os.fdatasync(descriptor)

    async def main() -> None:
        with open_store(tmp_path, fdatasync=fail_once) as store:
            append(store, 1)
            await store.wait_durable(1)
            append(store, 2)
            for _ in range(2):
                with pytest.raises(StorageFailedError, match="did not keep what was written"):
                    await store.wait_durable(2)
            with pytest.raises(StorageFailedError):
                store.append([message_of(3)])
            await store.wait_durable(1)
            assert store.storage.state is StorageState.FAILED
            assert offsets(store.read(0, 9, 1 << 20)) == [1, 2]

    run(main)
    assert len(calls) == 2


def test_after_a_failed_fsync_a_new_start_goes_on(tmp_path: Path) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def main() -> None:
        with open_store(tmp_path, fdatasync=fail) as store:
            append(store, 1)
            with pytest.raises(StorageFailedError):
                await store.wait_durable(1)
        with open_store(tmp_path) as store:
            assert offsets(store.append([message_of(1), message_of(2)])) == [store.last_offset]
            await store.wait_durable(store.last_offset)

    run(main)


def test_closing_answers_those_who_wait(tmp_path: Path) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            with open_store(tmp_path) as store:
                append(store, 1)
                nursery.start_soon(store.wait_durable, 1)
                await wait_all_tasks_blocked()

    run(main)
