"""A node is backed up while it is written to, and another is started from the backup."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.fixtures import StartNode
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until

BEFORE = 200


class Writer:
    """Publishes numbers, one after the other, until it is stopped."""

    def __init__(self, node: NodeProcess) -> None:
        self.acknowledged = 0
        self._node = node
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        with self._node.open_channel() as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            while not self._stop.is_set():
                request = chat_pb2.PublishRequest(text=f"{self.acknowledged}")
                stub.Publish(request, timeout=60)
                self.acknowledged += 1


def back_up(node: NodeProcess, *arguments: str) -> None:
    command = [sys.executable, "-m", "p2pd", "backup", *arguments, "--data-dir", str(node.data_dir)]
    subprocess.run(command, check=True, timeout=120)


def texts_of(node: NodeProcess) -> list[str]:
    texts: list[str] = []
    request = chat_pb2.ListMessagesRequest(limit=1000, after="")
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        while True:
            page = stub.ListMessages(request, timeout=60)
            texts += [event.message.text for event in page.messages]
            if not page.next_cursor:
                return texts
            request = chat_pb2.ListMessagesRequest(limit=1000, after=page.next_cursor)


def test_a_node_started_from_a_backup_has_all_that_was_acknowledged_before_it(
    tmp_path: Path, start_node: StartNode
) -> None:
    node = start_node("node", publish_rate=100_000, publish_burst=100_000)
    restored = tmp_path / "restored"
    restored.mkdir()
    writer = Writer(node)
    try:
        wait_until(lambda: writer.acknowledged, lambda count: count >= BEFORE)
        before = writer.acknowledged
        back_up(node, str(restored / "messages.db"), "--identity", str(restored / "identity.key"))
        after = writer.acknowledged
        assert after > before
    finally:
        writer.stop()
    node.stop()
    again = start_node("restored")
    texts = texts_of(again)
    assert texts == [str(number) for number in range(len(texts))]
    assert before <= len(texts) <= after + 1
    assert again.peer_id == node.peer_id
    again.publish("goes on")


def test_a_backup_that_cannot_be_made_says_why_in_one_line(tmp_path: Path) -> None:
    for arguments, code in (([str(tmp_path / "backup.db")], 1), ([], 2)):
        command = [sys.executable, "-m", "p2pd", "backup", *arguments, "--data-dir", str(tmp_path)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "backup.db").exists()
