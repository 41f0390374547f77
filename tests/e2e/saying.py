"""Says much in a room by nodes that have no page."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess


def say_all(lines: Iterable[tuple[NodeProcess, str]]) -> None:
    """Publish each text by its node, one after another, over one channel a node."""
    stubs: dict[str, chat_pb2_grpc.ChatServiceStub] = {}
    with ExitStack() as channels:
        for node, text in lines:
            if node.name not in stubs:
                channel = channels.enter_context(node.open_channel())
                stubs[node.name] = chat_pb2_grpc.ChatServiceStub(channel)
            stubs[node.name].Publish(chat_pb2.PublishRequest(text=text), timeout=30)
