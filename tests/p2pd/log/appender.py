"""A process that appends to a store until it is killed.

``python -m tests.p2pd.log.appender DIRECTORY CALLERS COUNT``: so many callers
append and wait, each message's number is printed once it is durable, with its
offset. After COUNT of them, 0 for no end, the process kills itself.

``python -m tests.p2pd.log.appender`` forks an appender without an end for each line
``DIRECTORY CALLERS OUTPUT`` that it reads, answers its process id, and an empty line
once somebody has killed it: a start is almost all imports, and these are done once.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from itertools import count
from pathlib import Path

import trio

from p2pd.store.sqlite_store import SqliteStore, open_store
from tests.p2pd.store.stores import message_of


async def main(directory: Path, callers: int, limit: int) -> None:
    with open_store(directory) as store:
        numbers = count(store.last_offset + 1)
        acknowledged = count(1)
        async with trio.open_nursery() as nursery:
            for caller in range(callers):
                nursery.start_soon(publish, store, caller, numbers, acknowledged, limit)


async def publish(
    store: SqliteStore, caller: int, numbers: count[int], acknowledged: count[int], limit: int
) -> None:
    while True:
        number = next(numbers)
        batch = [message_of(number, data=b"%d" % number * (number % 500 + 1))]
        if caller % 4 == 0:
            batch += [message_of(next(numbers)) for _ in range(3)]
        stored = store.append(batch)
        await store.wait_durable(stored[-1].offset)
        lines = [f"{one.offset} {one.message.message_id}\n" for one in stored]
        os.write(1, "".join(lines).encode())
        if next(acknowledged) == limit:
            os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    gc.freeze()
    for line in sys.stdin:
        directory, callers, output = line.split()
        pid = os.fork()
        if pid == 0:
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
            trio.run(main, Path(directory), int(callers), 0)
            os._exit(1)
        print(pid, flush=True)
        os.waitpid(pid, 0)
        print(flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        serve()
    else:
        trio.run(main, Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
