"""A WebSocket client that decides itself when, and how little, it reads.

Used by the tests of what a browser may cost the gateway.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from tests.driver import GatewayProcess, wait_until

TINY_BUFFER_BYTES = 4096
HELLO = b'{"type":"hello","after":null,"rooms":[]}'
TEXT, PING, PONG = 0x81, 0x89, 0x8A


def connected(gateway: GatewayProcess) -> socket.socket:
    """Open a TCP connection whose receive buffer is tiny."""
    host, _, port = gateway.http_address.partition(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TINY_BUFFER_BYTES)
    raw.settimeout(60)
    raw.connect((host, int(port)))
    return raw


@contextmanager
def raw_browser(gateway: GatewayProcess, hello: bytes | None = HELLO) -> Iterator[socket.socket]:
    """A WebSocket that says hello and reads nothing by itself."""
    with connected(gateway) as raw:
        raw.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {gateway.http_address}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            part = raw.recv(1)
            assert part, answer
            answer += part
        assert b" 101 " in answer, answer
        if hello is not None:
            raw.sendall(frame(hello))
        yield raw


def frame(payload: bytes, first_byte: int = TEXT) -> bytes:
    """Return one frame of a client, masked with zeros."""
    size = len(payload)
    if size < 126:
        head = bytes((first_byte, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first_byte, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first_byte, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + bytes(4) + payload


def command(kind: str, **fields: Any) -> bytes:
    """Return one command as a frame."""
    return frame(orjson.dumps({"type": kind, **fields}))


def send_as_much_as_fits(raw: socket.socket, data: bytes) -> None:
    """Send until the gateway stops reading."""
    raw.setblocking(False)
    try:
        while data:
            data = data[raw.send(data) :]
    except BlockingIOError:
        pass
    finally:
        raw.settimeout(60)


def metric(gateway: GatewayProcess, name: str) -> float:
    """Return a metric's value; 0 where it was never counted."""
    page = gateway.get("/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def wait_closed(raw: socket.socket, timeout_s: float = 60.0) -> bytes:
    """Read until the gateway has closed the connection; return what was left."""
    raw.settimeout(timeout_s)
    left = bytearray()
    try:
        while part := raw.recv(1 << 16):
            left += part
    except ConnectionResetError:
        pass
    return bytes(left)


def wait_metric(gateway: GatewayProcess, name: str, least: float) -> float:
    """Wait until a metric has reached a value."""
    return wait_until(lambda: metric(gateway, name), lambda value: value >= least)
