"""One event to a thousand browsers: our gateway, the older design's, or ws on Node.

Each gets it from one more WebSocket, one event at a time or 16 in one write, and
each time all browsers have got all of it before the next. The gateways go the whole
way, over a node; the broadcast server only sends on. Each server has one core.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
from wsp.chat.v1 import chat_pb2

from bench.audience import Audience
from bench.measure import Figures
from bench.pages import text_of
from bench.services import processor_s, resident_bytes, running_services
from bench.sizes import Sizes
from bench.stdio_pair import running_pair
from gateway.node.translation import event_from_proto

BROADCAST = Path(__file__).with_name("ws_broadcast.mjs")
EVENTS_AT_ONCE = 16
WARM_UP_EVENTS = 5
US_IN_S = 1e6
KIB = 1024
MIB = 1024 * KIB


def run_gateway(sizes: Sizes) -> Figures:
    """Measure a node, its gateway and the gateway's browsers."""
    with running_services() as running:
        node = running.start_node()
        gateway = running.start_gateway(node)
        idle = {
            "idle_node_mib": resident_bytes(node.pid) / MIB,
            "idle_gateway_mib": resident_bytes(gateway.pid) / MIB,
        }
        ask = orjson.dumps({"type": "publish", "id": 1, "text": text_of(0)})
        return idle | _measure(gateway.http_address, gateway.pid, ask, sizes, greets=True)


def run_stdio(sizes: Sizes) -> Figures:
    """Measure the Rust gateway of the older design, its node and its browsers."""
    ask = orjson.dumps({"type": "publish", "text": text_of(0)})
    with running_pair() as pair:
        return _measure(pair.http_address, pair.gateway_pid, ask, sizes, greets=True)


def run_broadcast(sizes: Sizes) -> Figures:
    """Measure the broadcast server and its browsers, with frames as large as ours."""
    with _broadcast_server() as (address, pid):
        return _measure(address, pid, _frame_like_ours(), sizes, greets=False)


def _measure(
    address: str, pid: int, payload: bytes, sizes: Sizes, *, greets: bool
) -> dict[str, float]:
    _give_one_core(pid)
    empty_bytes = resident_bytes(pid)
    with Audience([address], sizes.browsers, greets=greets) as audience:
        audience.deliveries_per_s([payload], WARM_UP_EVENTS)
        taken_bytes = resident_bytes(pid) - empty_bytes
        one = _rates(audience, pid, [payload], sizes.events)
        sixteen = _rates(audience, pid, [payload] * EVENTS_AT_ONCE, sizes.batches)
    return {
        "connection_kib": taken_bytes / sizes.browsers / KIB,
        "one_per_s": one[0],
        "one_cpu_us": one[1],
        "sixteen_per_s": sixteen[0],
        "sixteen_cpu_us": sixteen[1],
    }


def _give_one_core(pid: int) -> None:
    """Let a server run on one core, so that threads are no advantage."""
    core = min(os.sched_getaffinity(0))
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def _rates(
    audience: Audience, pid: int, payloads: Sequence[bytes], rounds: int
) -> tuple[float, float]:
    """Return deliveries a second, and the server's processor time for each in µs."""
    begin_s = processor_s(pid)
    per_s = audience.deliveries_per_s(payloads, rounds)
    deliveries = rounds * len(payloads) * audience.size
    return per_s, (processor_s(pid) - begin_s) / deliveries * US_IN_S


@contextmanager
def _broadcast_server() -> Iterator[tuple[str, int]]:
    """Run the server; give its address and process id."""
    command = ["node", str(BROADCAST)]
    pipe = subprocess.PIPE
    # ``node`` may be a script that starts the real one, so the server tells its own id.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None
        address, pid = server.stdout.readline().split()
        yield address, int(pid)


def _frame_like_ours() -> bytes:
    """Return a message event as the gateway sends it: its own code, ids of the usual lengths."""
    message = chat_pb2.Message(
        message_id="0" * 92,
        room="chat-room",
        author_id="0" * 52,
        forwarder_id="",
        text=text_of(0),
        delivery=chat_pb2.DELIVERY_LIVE,
        client_message_id="0" * 36,
    )
    message.send_time.FromNanoseconds(time.time_ns())
    message.receive_time.FromNanoseconds(time.time_ns())
    event = chat_pb2.Event(cursor="0" * 12, time=message.receive_time, message=message)
    translated = event_from_proto(event)
    assert translated is not None
    return orjson.dumps(translated.fields)
