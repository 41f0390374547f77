"""A process without a file descriptor left reads its store, and takes it for sound."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from p2pd.domain.names import DEFAULT_ROOM
from p2pd.domain.storage import StorageState
from p2pd.store.connections import Readers
from p2pd.store.message_store import NO_MESSAGE, OrderKey
from p2pd.store.reads import ReadThreads
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.store.stores import message_of


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """Permit this process no further file, pipe or socket while the block lasts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        free = os.open(os.devnull, os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, hard))
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        held.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        with pytest.raises(OSError, match="Too many open files"):
            os.open(os.devnull, os.O_RDONLY)
        yield


def test_everything_of_the_store_works_without_another_descriptor(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append([message_of(number) for number in range(5)])
        with no_descriptor_left():
            one, two = (store.reads.submit(lambda: store.read(0, 5, 1 << 20)) for _ in range(2))
            assert len(one.result(60)) == len(two.result(60)) == 5
            items = store.items(DEFAULT_ROOM, OrderKey(0, NO_MESSAGE))
            first = next(items)
            assert store.offset_of(first.message_id) == 1
            assert [one.offset for one in store.append([message_of(9)])] == [6]
            assert store.drop_oldest(DEFAULT_ROOM, keep=1, received_before_ns=0, at_most=10)
        assert store.storage.state is StorageState.OK
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_second_reader_waits_for_the_first_where_no_descriptor_is_left(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append([message_of(1)])
        readers = Readers(tmp_path / FILE_NAME)
        read: list[tuple[int]] = []

        def count() -> None:
            with readers.connection() as connection:
                read.append(connection.execute("SELECT count(*) FROM records").fetchone())

        with no_descriptor_left(), readers.connection():
            second = threading.Thread(target=count)
            second.start()
            second.join(0.2)
            assert second.is_alive()
        second.join(60)
        assert read == [(1,)]
        readers.close()


def test_a_query_is_refused_where_no_thread_can_be_started_and_later_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = ReadThreads()

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(Exception, match="can't start new thread"):
            reads.submit(lambda: 1)
    assert reads.submit(lambda: 2).result(60) == 2
    reads.close()
