"""What peers of other libp2p say while our disk is full is relayed once it is stored.

They do not synchronise: what they said comes again because it is asked for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.disks import mounted_disk
from tests.driver.waiting import wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program
from tests.interop.test_libp2p_peers import PEERS

MESSAGES = 10


class SmallDisk:
    """A disk of 6 MiB, which ``fill`` fills to its last byte."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hog = path / "hog"

    def fill(self) -> None:
        with self._hog.open("ab", buffering=0) as hog:
            for chunk_bytes in (1 << 20, 1 << 12, 1):
                with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
                    while True:
                        hog.write(bytes(chunk_bytes))

    def make_room(self) -> None:
        self._hog.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted_disk(tmp_path / "disk", 6) as path:
        yield SmallDisk(path)


@pytest.fixture
def metrics(free_tcp_port: int) -> str:
    return f"127.0.0.1:{free_tcp_port}"


@pytest.fixture
def cramped(small_disk: SmallDisk, metrics: str) -> Iterator[NodeProcess]:
    node = NodeProcess("cramped", small_disk.path, metrics_listen=metrics)
    node.start()
    yield node
    node.stop()


def rejected(metrics: str, reason: str) -> float:
    """Read how many inputs were dropped for a reason."""
    line_begin = f'p2pd_rejected_inputs_total{{reason="{reason}"}} '
    for line in httpx.get(f"http://{metrics}/metrics", timeout=10).text.splitlines():
        if line.startswith(line_begin):
            return float(line.removeprefix(line_begin))
    return 0.0


def stored_by(node: NodeProcess) -> set[str]:
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        page = stub.ListMessages(chat_pb2.ListMessagesRequest(limit=100), timeout=30)
    return {event.message.text for event in page.messages}


def texts_of(peer: ForeignPeer) -> list[str]:
    return [line["text"] for line in peer.told if line["type"] == "message"]


@pytest.mark.parametrize("name", ["go-ed25519", "js", "stock-py"])
def test_what_a_foreign_peer_said_on_a_full_disk_is_stored_and_relayed_once_there_is_room(
    name: str, cramped: NodeProcess, small_disk: SmallDisk, metrics: str
) -> None:
    said = {f"{number} {'x' * 50_000}" for number in range(MESSAGES)}
    with (
        ForeignPeer([*PEERS[name](), cramped.address]) as speaker,
        ForeignPeer([go_program("go-peer"), cramped.address]) as listener,
    ):
        for peer in (speaker, listener):
            peer.wait_joined(cramped.peer_id)
        speaker.say("before")
        listener.wait_message("before")
        small_disk.fill()
        for text in said:
            speaker.say(text)
        wait_until(lambda: rejected(metrics, "storage_full"), lambda count: count >= MESSAGES - 1)
        assert len(texts_of(listener)) <= 2
        # At once: a foreign peer can be asked for its messages for some five seconds.
        small_disk.make_room()
        wait_until(lambda: stored_by(cramped), lambda stored: stored == {"before", *said})
        wait_until(lambda: texts_of(listener), lambda heard: set(heard) == {"before", *said})
        assert len(texts_of(listener)) == MESSAGES + 1
