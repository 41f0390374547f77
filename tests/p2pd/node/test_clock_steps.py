"""A whole node whose machine's clock is set: nothing that it accepted is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc
import pytest
import trio
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.config import command_from
from p2pd.node.clock_watch import Clocks, uptime_ns
from p2pd.node.composition import run_node
from p2pd.store import retention

DAY_NS = 24 * 3600 * 10**9
HOUR_NS = 3600 * 10**9


class Node:
    """A node in this process, with a wall clock that may be set."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        arguments = [
            "--data-dir", str(directory), "--grpc-listen", f"unix:{directory}/grpc.sock",
            "--listen", "/ip4/127.0.0.1/tcp/0", "--bootstrap", "none", "--mdns", "off",
            "--metrics-listen", "none",
        ]  # fmt: skip
        self.settings = command_from(arguments, {}).settings
        self.target = f"unix:{directory}/grpc.sock"
        self.set_by_ns = 0
        self.trims = 0
        original = retention.trim

        async def count_trims(*args: object) -> int:
            removed = await original(*args)  # type: ignore[arg-type]
            self.trims += 1
            return removed

        monkeypatch.setattr(retention, "trim", count_trims)

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

    def wait_trims(self) -> None:
        """Wait until retention has run twice more, so once from its beginning."""
        target = self.trims + 2
        deadline = time.monotonic() + 60
        while self.trims < target:
            assert time.monotonic() < deadline, f"{self.trims} of {target} trims"
            time.sleep(0.05)

    async def _run(self, story: Callable[[], None]) -> None:
        ready = trio.Event()
        clocks = Clocks(lambda: time.time_ns() + self.set_by_ns, uptime_ns)
        async with trio.open_nursery() as nursery:
            stops: list[Callable[[], None]] = []
            announce = lambda _: ready.set()  # noqa: E731
            nursery.start_soon(run_node, self.settings, announce, stops.append, clocks)
            await ready.wait()
            try:
                await trio.to_thread.run_sync(story)
            finally:
                stops[0]()


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    return Node(tmp_path, monkeypatch)


@pytest.mark.parametrize("step_ns", [40 * DAY_NS, 4000 * DAY_NS, -40 * DAY_NS])
def test_a_step_of_the_clock_and_back_removes_nothing(
    node: Node, step_ns: int, capfd: pytest.CaptureFixture[str]
) -> None:
    def story() -> None:
        node.publish("before")
        node.set_by_ns = step_ns
        node.wait_trims()
        node.publish("during")
        node.wait_trims()
        node.set_by_ns = 0
        node.publish("after")
        node.wait_trims()
        events = node.messages()
        assert list(events) == ["before", "during", "after"]
        for event in events.values():
            assert abs(event.time.ToNanoseconds() - time.time_ns()) < HOUR_NS
            assert abs(event.message.send_time.ToNanoseconds() - time.time_ns()) < HOUR_NS

    node.run(story)
    assert "wall clock stepped" in "".join(capfd.readouterr())


@pytest.mark.parametrize("ahead_ns", [40 * DAY_NS, -40 * DAY_NS])
def test_a_restart_with_a_wrong_clock_that_is_corrected_removes_nothing(
    node: Node, ahead_ns: int
) -> None:
    def wrong() -> None:
        node.wait_trims()
        node.publish("wrong")
        node.set_by_ns = 0
        node.wait_trims()
        node.publish("after")
        node.wait_trims()
        assert list(node.messages()) == ["before", "wrong", "after"]

    def later() -> None:
        node.wait_trims()
        assert list(node.messages()) == ["before", "wrong", "after"]

    node.run(partial(node.publish, "before"))
    node.set_by_ns = ahead_ns
    node.run(wrong)
    node.run(later)
