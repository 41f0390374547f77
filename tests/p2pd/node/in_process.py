"""A whole node in this process, on disk, with a wall clock that may be set."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import grpc
import trio
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.config import command_from
from p2pd.node.clock_watch import Clocks, uptime_ns
from p2pd.node.composition import run_node
from p2pd.node.machine import Machine


class InProcessNode:
    """A node in this process, with a wall clock that may be set."""

    def __init__(self, directory: Path) -> None:
        arguments = [
            "--data-dir", str(directory), "--grpc-listen", f"unix:{directory}/grpc.sock",
            "--listen", "/ip4/127.0.0.1/tcp/0", "--bootstrap", "none", "--mdns", "off",
            "--metrics-listen", "none",
        ]  # fmt: skip
        self.settings = command_from(arguments, {}).settings
        self.target = f"unix:{directory}/grpc.sock"
        self.set_by_ns = 0

    def run(self, story: Callable[[], None]) -> None:
        """Run a node, and in a thread a story; then stop the node."""
        trio.run(self._run, story)

    def publish(self, text: str) -> None:
        with grpc.insecure_channel(self.target) as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            stub.Publish(chat_pb2.PublishRequest(text=text), timeout=60)

    def messages(self) -> dict[str, chat_pb2.Event]:
        with grpc.insecure_channel(self.target) as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            page = stub.ListMessages(chat_pb2.ListMessagesRequest(limit=100), timeout=60)
        return {event.message.text: event for event in page.messages}

    async def _run(self, story: Callable[[], None]) -> None:
        ready = trio.Event()
        clocks = Clocks(lambda: time.time_ns() + self.set_by_ns, uptime_ns)
        async with trio.open_nursery() as nursery:
            stops: list[Callable[[], None]] = []
            announce = lambda _: ready.set()  # noqa: E731
            nursery.start_soon(run_node, self.settings, announce, stops.append, Machine(clocks))
            await ready.wait()
            try:
                await trio.to_thread.run_sync(story)
            finally:
                stops[0]()
