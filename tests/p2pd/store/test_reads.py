from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import pytest
import trio

from p2pd.errors import StorageFailedError
from p2pd.store.reads import ReadsAtOnce, ReadThreads, run_read


def test_a_query_runs_in_a_thread_of_its_own_and_its_result_or_error_comes_back() -> None:
    reads = ReadThreads()
    loop_thread = threading.current_thread()

    async def main() -> None:
        assert await run_read(reads, threading.current_thread) is not loop_thread
        with pytest.raises(ZeroDivisionError):
            await run_read(reads, lambda: 1 // 0)
        assert await run_read(ReadsAtOnce(), threading.current_thread) is loop_thread
        with pytest.raises(ZeroDivisionError):
            await run_read(ReadsAtOnce(), lambda: 1 // 0)

    trio.run(main)
    reads.close()


def test_the_loop_goes_on_while_a_disk_hangs_and_so_does_a_short_query() -> None:
    reads, hung = ReadThreads(), threading.Event()

    async def main() -> None:
        with trio.move_on_after(0.1) as scope:
            await run_read(reads, hung.wait)
        assert scope.cancelled_caught
        with trio.fail_after(60):
            assert await run_read(reads, lambda: 5) == 5

    trio.run(main)
    began = time.monotonic()
    reads.close()
    assert time.monotonic() - began < 60
    with pytest.raises(StorageFailedError):
        reads.submit(lambda: 1)
    hung.set()


def test_queries_submitted_before_the_end_are_answered() -> None:
    reads, gate = ReadThreads(1), threading.Event()
    waiting: list[Future[bool] | Future[int]] = [reads.submit(gate.wait), reads.submit(lambda: 7)]
    reads.close()
    gate.set()
    assert [one.result(60) for one in waiting] == [True, 7]
