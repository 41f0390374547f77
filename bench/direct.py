"""A direct message beside a room's: two nodes, on disk, the two kinds in turn."""

from __future__ import annotations

import time

import uvloop
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.api import Listener, listening
from bench.libp2p_layer import WARM_UP_MESSAGES
from bench.measure import Figures, p50_ms, p99_ms
from bench.pages import check_order, paced, text_of
from bench.processor import processor_s
from bench.services import running_services
from bench.sizes import Sizes
from tests.driver import NodeProcess
from tests.driver.direct import send_direct

KINDS = ("direct", "room")
MS_IN_S = 1e3


def run(sizes: Sizes) -> Figures:
    """Measure one pair of nodes that have written to each other before."""
    with running_services() as running:
        sender, receiver = running.start_node_pair()
        send_direct(receiver, sender.peer_id, "this accepts what the other one writes")
        return uvloop.run(_measure(sender, receiver, sizes.paced))


async def _measure(sender: NodeProcess, receiver: NodeProcess, count: int) -> Figures:
    async with sender.open_aio_channel() as channel, listening(receiver) as listener:
        writer = Writer(chat_pb2_grpc.ChatServiceStub(channel), receiver.peer_id, listener)
        figures = await _paced(writer, WARM_UP_MESSAGES)
        figures = await _paced(writer, count)
        for kind in KINDS:
            begin_s = _processor_s(sender, receiver)
            await writer.write_all(kind, count)
            used_s = _processor_s(sender, receiver) - begin_s
            figures[f"{kind}_cpu_ms"] = used_s * MS_IN_S / count
        return figures


class Writer:
    """Writes to one peer, by direct messages and in the room, and sees them arrive."""

    def __init__(
        self, stub: chat_pb2_grpc.ChatServiceAsyncStub, peer_id: str, listener: Listener
    ) -> None:
        self._stub = stub
        self._peer_id = peer_id
        self._listener = listener

    async def write(self, kind: str, number: int) -> None:
        """Write one message of a kind; the node owns it then."""
        text = text_of(number)
        if kind == "direct":
            request = chat_pb2.SendDirectRequest(peer_id=self._peer_id, text=text)
            await self._stub.SendDirect(request)
        else:
            await self._stub.Publish(chat_pb2.PublishRequest(text=text))

    async def write_all(self, kind: str, count: int) -> None:
        """Write so many of a kind, a call after the other, and wait until all have arrived."""
        self.forget()
        for number in range(count):
            await self.write(kind, number)
        await self.arrived_ns({kind: count})

    def forget(self) -> None:
        """Count from here on."""
        self._listener.messages.clear()

    async def arrived_ns(self, counts: dict[str, int]) -> dict[str, list[int]]:
        """Wait for so many messages of each kind; return when each came, in order."""
        await self._listener.wait_messages(sum(counts.values()))
        found = {}
        for kind, count in counts.items():
            own = [
                (came_ns, message.text)
                for came_ns, message in self._listener.messages
                if (kind == "direct") == bool(message.peer_id)
            ]
            check_order([text for _, text in own], count)
            found[kind] = [came_ns for came_ns, _ in own]
        return found


async def _paced(writer: Writer, count: int) -> dict[str, float]:
    """Write so many of each kind in turn, 50 a second in all; return the latencies."""
    writer.forget()
    sent_ns: dict[str, list[int]] = {kind: [] for kind in KINDS}
    took_ns: dict[str, list[int]] = {kind: [] for kind in KINDS}
    async for number in paced(len(KINDS) * count):
        kind = KINDS[number % len(KINDS)]
        sent_ns[kind].append(time.time_ns())
        await writer.write(kind, number // len(KINDS))
        took_ns[kind].append(time.time_ns() - sent_ns[kind][-1])
    arrived_ns = await writer.arrived_ns(dict.fromkeys(KINDS, count))
    figures = {}
    for kind in KINDS:
        whole_ns = [b - a for a, b in zip(sent_ns[kind], arrived_ns[kind], strict=True)]
        figures[f"{kind}_p50_ms"] = p50_ms(whole_ns)
        figures[f"{kind}_p99_ms"] = p99_ms(whole_ns)
        figures[f"{kind}_call_ms"] = p50_ms(took_ns[kind])
    return figures


def _processor_s(*nodes: NodeProcess) -> float:
    return sum(processor_s(node.pid) for node in nodes)
