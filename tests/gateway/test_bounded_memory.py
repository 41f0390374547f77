"""What a browser that asks for much and reads little costs: a bound, and nobody else."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway, stop_all
from tests.gateway.client import Client
from tests.gateway.raw import (
    PING,
    command,
    connected,
    frame,
    metric,
    raw_browser,
    send_as_much_as_fits,
    wait_closed,
    wait_metric,
)

MIB = 2**20
MAX_BROWSER_BYTES = 8 * MIB
BROWSERS = 3
MESSAGES = 300
MESSAGE_BYTES = 32_000
NOISE = "noise"
"""The room of what the floods publish."""
LIMIT = 1_000
GENEROUS = {"message_rate": 10_000, "message_burst": 10_000}


@pytest.fixture(scope="module")
def full_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with many large messages; half of them expand sixfold as JSON."""
    node = NodeProcess("full", tmp_path_factory.mktemp("full"), rooms=f"chat-room,{NOISE}")
    node.start()
    texts = ["x" * MESSAGE_BYTES, "\x01" * MESSAGE_BYTES]
    publishes = [chat_pb2.PublishRequest(text=texts[one % 2]) for one in range(MESSAGES)]
    batches = [
        chat_pb2.PublishStreamRequest(publishes=publishes[one : one + 5])
        for one in range(0, MESSAGES, 5)
    ]
    with node.open_channel() as channel:
        answers = chat_pb2_grpc.ChatServiceStub(channel).PublishStream(iter(batches))
        results = [result for answer in answers for result in answer.results]
    assert all(result.HasField("published") for result in results)
    yield node
    stop_all([node])


def history_pages(count: int) -> bytes:
    return b"".join(command("history", id=one, limit=LIMIT) for one in range(count))


def publishes(count: int) -> bytes:
    return b"".join(
        command("publish", id=f"{one}" + "\x01" * 120, room=NOISE, text="x") for one in range(count)
    )


def large_publishes(count: int) -> bytes:
    return b"".join(
        command("publish", id=one, room=NOISE, text="y" * 60_000) for one in range(count)
    )


def joins(count: int) -> bytes:
    return b"".join(command("join", id=one, room=f"{one}" * 50) for one in range(count))


def dials(count: int) -> bytes:
    address = "/ip4/127.0.0.1/tcp/9/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
    return b"".join(command("connect", id=one, address=address) for one in range(count))


def malformed(count: int) -> bytes:
    return frame(b"{}") * count


def refused(count: int) -> bytes:
    return command("hello") * count


def pings(count: int) -> bytes:
    return frame(b"p" * 125, PING) * count


def empty_fragments(count: int) -> bytes:
    return frame(b"", 0x01) + frame(b"", 0x00) * count


FLOODS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "history": (history_pages, 100),
    "publish": (publishes, 5_000),
    "large publish": (large_publishes, 300),
    "join": (joins, 200),
    "connect": (dials, 100),
    "malformed": (malformed, 100_000),
    "refused": (refused, 100_000),
    "ping": (pings, 50_000),
    "empty fragments": (empty_fragments, 500_000),
}


def most_held_while_flooded(gateway: GatewayProcess, flood: bytes, times_s: float) -> float:
    """Flood from browsers that do not read; return the most bytes held for one of them."""
    most = 0.0
    with ExitStack() as stack:
        browsers = [stack.enter_context(raw_browser(gateway)) for _ in range(BROWSERS)]
        for browser in browsers:
            try_to_send(browser, flood)
        deadline_s = time.monotonic() + times_s
        while time.monotonic() < deadline_s:
            most = max(most, metric(gateway, "gateway_held_bytes_most"))
            with Client(gateway.ws_url) as other:
                other.hello()
                assert other.ask("publish", room=NOISE, text="still served")["type"] == "ack"
    return most


def grown_by(gateway: GatewayProcess, run: Callable[[], float]) -> tuple[float, int]:
    """Run something; return what it returned, and by how many bytes the gateway grew."""
    process = psutil.Process(gateway.pid)
    before_bytes = process.memory_info().rss
    returned = run()
    return returned, process.memory_info().rss - before_bytes


def try_to_send(browser: socket.socket, data: bytes) -> None:
    """Send as much as fits; the gateway may have closed the connection."""
    with suppress(ConnectionResetError, BrokenPipeError):
        send_as_much_as_fits(browser, data)


@pytest.mark.parametrize("kind", FLOODS)
def test_whatever_a_browser_asks_and_does_not_read_is_bounded_in_bytes(
    full_node: NodeProcess, start_gateway: StartGateway, kind: str
) -> None:
    gateway = start_gateway(full_node, stall_timeout_s=60, **GENEROUS)
    gateway.wait_node_reachable()
    build, count = FLOODS[kind]
    quiet, quiet_bytes = grown_by(gateway, lambda: most_held_while_flooded(gateway, b"", 1))
    flood = build(count)
    most, grown_bytes = grown_by(gateway, lambda: most_held_while_flooded(gateway, flood, 2))
    assert quiet <= most <= MAX_BROWSER_BYTES
    more_bytes = grown_bytes - quiet_bytes
    assert more_bytes <= BROWSERS * MAX_BROWSER_BYTES, f"{more_bytes / MIB:.1f} MiB"


def test_browsers_that_replay_and_do_not_read_are_bounded_in_bytes(
    full_node: NodeProcess, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(full_node, stall_timeout_s=60)
    gateway.wait_node_reachable()
    with ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(raw_browser(gateway, b'{"type":"hello","after":""}'))
        wait_metric(gateway, "gateway_catch_ups", 10)
        wait_metric(gateway, "gateway_held_bytes", 10 * 64 * 1024)
        with Client(gateway.ws_url) as other:
            other.say("hello", after="", rooms=["chat-room"])
            while len(other.messages) < MESSAGES:
                other.wait_next(lambda frame: frame["type"] == "message")
        assert metric(gateway, "gateway_held_bytes_most") <= MAX_BROWSER_BYTES


def get_page(gateway: GatewayProcess) -> bytes:
    return (
        f"GET /api/rooms/chat-room/messages?limit={LIMIT} HTTP/1.1\r\n"
        f"Host: {gateway.http_address}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(("connections", "requests"), [(3, 100), (100, 1)])
def test_answers_that_nobody_reads_are_bounded_and_leave_room_for_others(
    full_node: NodeProcess, start_gateway: StartGateway, connections: int, requests: int
) -> None:
    gateway = start_gateway(full_node, stall_timeout_s=60)
    gateway.wait_node_reachable()
    with ExitStack() as stack:
        for _ in range(connections):
            deaf = stack.enter_context(connected(gateway))
            deaf.sendall(get_page(gateway) * requests)
        wait_metric(gateway, "gateway_unread_answer_bytes", 2 * MIB)
        page = gateway.get("/api/rooms/chat-room/messages?limit=5")
        assert len(page.json()["messages"]) == 5
        assert metric(gateway, "gateway_unread_answer_bytes") <= 32 * MIB


def test_an_answer_that_nobody_reads_is_cut_off(
    full_node: NodeProcess, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(full_node, stall_timeout_s=1)
    gateway.wait_node_reachable()
    with connected(gateway) as deaf:
        deaf.sendall(get_page(gateway))
        wait_metric(gateway, 'gateway_closes_total{reason="stalled"}', 1)
        wait_closed(deaf)


def test_a_page_that_is_cut_goes_on_where_it_ended(
    full_node: NodeProcess, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(full_node)
    gateway.wait_node_reachable()
    for direction, start in (("before", None), ("after", "")):
        cursors: list[str] = []
        at = start
        while at is not None or not cursors:
            query = "" if at is None else f"&{direction}={at}"
            answer = gateway.get(f"/api/rooms/chat-room/messages?limit={LIMIT}{query}")
            assert len(answer.content) <= 1.1 * MIB
            page = answer.json()
            found = [message["cursor"] for message in page["messages"]]
            cursors = found + cursors if direction == "before" else cursors + found
            at = page["next_cursor"]
        assert len(cursors) == len(set(cursors)) >= MESSAGES


def test_a_browser_that_reads_a_byte_now_and_then_is_cut_off(
    full_node: NodeProcess, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(full_node, stall_timeout_s=2)
    gateway.wait_node_reachable()
    with raw_browser(gateway) as trickling:
        trickling.sendall(history_pages(3))

        def read_a_byte() -> float:
            try:
                trickling.sendall(frame(b"", 0x8A))
                trickling.recv(1)
            except ConnectionError:
                pass
            return metric(gateway, 'gateway_closes_total{reason="stalled"}')

        wait_until(read_a_byte, lambda closed: closed == 1)


def test_headers_without_end_are_refused(gateway: GatewayProcess) -> None:
    with connected(gateway) as endless:
        request = f"GET / HTTP/1.1\r\nHost: {gateway.http_address}\r\nX: ".encode()
        try_to_send(endless, request + b"x" * 1_000_000)
        answer = wait_closed(endless)
    assert answer.split()[1] == b"431"
    assert b"HEADERS_TOO_LARGE" in answer


def test_pipelined_requests_are_answered_in_order(gateway: GatewayProcess) -> None:
    count = 3_000
    request = f"GET /healthz HTTP/1.1\r\nHost: {gateway.http_address}\r\n\r\n".encode()
    last = f"GET /nowhere HTTP/1.1\r\nHost: {gateway.http_address}\r\nConnection: close\r\n\r\n"
    answer = bytearray()
    with connected(gateway) as pipelined:
        to_send = request * count + last.encode()
        while to_send:
            sent = pipelined.send(to_send[:20_000])
            to_send = to_send[sent:]
            answer += pipelined.recv(1 << 16)
        answer += wait_closed(pipelined)
    assert answer.count(b"HTTP/1.1 200 ") == count
    assert answer.count(b"HTTP/1.1 404 ") == 1
