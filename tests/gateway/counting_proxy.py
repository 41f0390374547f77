"""A TCP proxy before a node that counts what the node sends.

Opened by tests with ``with counting_proxy(node.grpc_address) as proxy``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

READ_BYTES = 1 << 16


class CountingProxy:
    """Passes bytes both ways.

    Attributes:
        address: Where it listens.
        sent_bytes: What the node has sent so far.
    """

    def __init__(self, target: str) -> None:
        self._host, _, port = target.rpartition(":")
        self._port = int(port)
        self.address = ""
        self.sent_bytes = 0

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        """Serve until told to stop."""
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await stop.wait()
        server.close()
        open_ones = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            theirs, ours = await asyncio.open_connection(self._host, self._port)
            with suppress(asyncio.CancelledError):
                await asyncio.gather(self._copy(reader, ours), self._copy(theirs, writer, count=1))
            ours.close()
        writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int = 0
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                self.sent_bytes += len(data) * count
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def counting_proxy(target: str) -> Iterator[CountingProxy]:
    """Run a proxy in a thread of its own."""
    proxy, started, loop = CountingProxy(target), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(proxy.serve(started, stop),))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
