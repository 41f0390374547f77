"""Pings as Go clients send them do not cost the connection."""

from __future__ import annotations

import socket
import struct
import time

from tests.p2pd.api.running import RunningApi

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 0x4, 0x6, 0x7
ACK = 0x1
PING_INTERVAL_S = 2.2
"""A little over the server's minimum, so that the test need not take a minute."""


def frame(kind: int, flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, 0) + payload


def read_exactly(client: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = client.recv(count - len(received))
        assert part, "the server closed the connection"
        received += part
    return received


def read_frame(client: socket.socket) -> tuple[int, int]:
    """Read one frame; return its kind and flags."""
    header = read_exactly(client, 9)
    read_exactly(client, int.from_bytes(header[:3]))
    return header[3], header[4]


def wait_pong(client: socket.socket) -> None:
    while True:
        kind, flags = read_frame(client)
        assert kind != GOAWAY, "the server takes the pings for abuse"
        if kind == PING and flags & ACK:
            return
        if kind == SETTINGS and not flags & ACK:
            client.sendall(frame(SETTINGS, ACK))


def test_pings_without_a_call_keep_the_connection(api: RunningApi) -> None:
    host, _, port = api.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(PREFACE + frame(SETTINGS, 0))
        for number in range(6):
            client.sendall(frame(PING, 0, struct.pack(">Q", number)))
            wait_pong(client)
            time.sleep(PING_INTERVAL_S)  # what is measured is the interval itself
        client.sendall(frame(PING, 0, bytes(8)))
        wait_pong(client)
