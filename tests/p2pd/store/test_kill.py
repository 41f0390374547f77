from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Self

from p2pd.domain.items import MAX_SEQNO
from p2pd.domain.names import DEFAULT_ROOM
from p2pd.store.range_rows import RANGE_ITEMS
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.driver.seeds import chosen_seed
from tests.driver.waiting import wait_until

KILLS = int(os.environ.get("STORE_KILLS", "30"))
ROOT = Path(__file__).parents[3]
MAX_APPENDING_S = 0.3
CALLERS = 8


class Appenders:
    """Appenders of one directory, one after the other, each a process that is killed."""

    def __init__(self, directory: Path, output: Path) -> None:
        self._line = f"{directory} {CALLERS} {output}\n"
        self._output = output

    def __enter__(self) -> Self:
        module = [sys.executable, "-m", "tests.p2pd.log.appender"]
        self._process = subprocess.Popen(
            module, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def append_and_kill(self, after_s: float) -> dict[str, int]:
        """Kill an appender some time after its first message; return what it acknowledged."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._output.write_bytes(b"")
        self._process.stdin.write(self._line)
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        try:
            wait_until(self._output.read_bytes, bool)
            threading.Event().wait(after_s)
        finally:
            os.kill(pid, signal.SIGKILL)
            self._process.stdout.readline()
        lines = [line.split() for line in self._output.read_text().split("\n")[:-1]]
        return {message_id: int(offset) for offset, message_id in lines}


def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(chosen_seed())
    acknowledged: dict[str, int] = {}
    directory = tmp_path / "store"
    with Appenders(directory, tmp_path / "acknowledged") as appenders:
        for turn in range(KILLS):
            acknowledged |= appenders.append_and_kill(chance.random() * MAX_APPENDING_S)
            if turn % 5 == 4 or turn == KILLS - 1:
                check(directory, acknowledged, f"kill {turn}")
    assert len(acknowledged) > KILLS


def check(directory: Path, acknowledged: dict[str, int], when: str) -> None:
    with open_store(directory) as store:
        kept: dict[str, int] = {}
        place = 0
        while batch := store.read(place, store.last_offset, 1 << 20):
            offsets = [one.offset for one in batch]
            assert offsets == list(range(place + 1, place + 1 + len(batch))), when
            kept |= {one.message.message_id: one.offset for one in batch}
            place += len(batch)
        assert place == store.last_offset == len(kept), when
        assert store.storage.damages == (), when
        sums = store.sealed_ranges(DEFAULT_ROOM)
        assert sum(one.items for one in sums) > len(kept) - 2 * RANGE_ITEMS, when
        assert store.verify_ranges(DEFAULT_ROOM, 0, MAX_SEQNO), when
    missing = {one: at for one, at in acknowledged.items() if kept.get(one) != at}
    assert missing == {}, when
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], when
