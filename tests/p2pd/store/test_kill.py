from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.driver.waiting import wait_until

KILLS = int(os.environ.get("STORE_KILLS", "30"))
ROOT = Path(__file__).parents[3]
MAX_APPENDING_S = 0.3


class Appender:
    """The child, and what it has said so far."""

    def __init__(self, directory: Path) -> None:
        module = ["-m", "tests.p2pd.log.appender", str(directory), "8", "0"]
        self.process = subprocess.Popen([sys.executable, *module], stdout=subprocess.PIPE, cwd=ROOT)
        self.said = b""
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def kill(self) -> dict[str, int]:
        """Kill it; return the acknowledged messages and their offsets."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._thread.join()
        lines = [line.split() for line in self.said.decode().split("\n")[:-1]]
        return {message_id: int(offset) for offset, message_id in lines}

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while said := self.process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
            self.said += said
        self.process.stdout.close()


@contextmanager
def running(directory: Path) -> Iterator[Appender]:
    appender = Appender(directory)
    try:
        wait_until(lambda: appender.said, bool)
        yield appender
    finally:
        appender.kill()


def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    acknowledged: dict[str, int] = {}
    for turn in range(KILLS):
        with running(tmp_path) as appender:
            threading.Event().wait(chance.random() * MAX_APPENDING_S)
            acknowledged |= appender.kill()
        if turn % 5 == 4 or turn == KILLS - 1:
            check(tmp_path, acknowledged, f"seed {seed}, kill {turn}")
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
    missing = {one: at for one, at in acknowledged.items() if kept.get(one) != at}
    assert missing == {}, when
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], when
