"""Correction 1: one frame of any peer ended the process."""

from __future__ import annotations

import hashlib
from typing import Any

import multihash
import trio
from google.protobuf.message import DecodeError
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.exceptions import MissingDeserializerError
from libp2p.crypto.pb import crypto_pb2
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from p2pd.domain.rejections import RejectionReason
from tests.upstream.defect import defect
from tests.upstream.stacks import Stack
from tests.upstream.strangers import (
    ROOM,
    open_stranger_stream,
    publish_frame,
    signed_message,
    two_in_a_room,
    wait_delivered,
)
from tests.upstream.waiting import wait_seen


async def _survives(stack: Stack, frame: bytes, reason: str) -> None:
    """Send one frame to a node; it must count it and still hear an honest peer."""
    async with two_in_a_room(stack) as (victim, honest), stack.host() as stranger:
        stream = await open_stranger_stream(stranger, victim.host)
        await stream.write(frame)
        await wait_seen(lambda: victim.rejections.totals.get(RejectionReason(reason)))
        await wait_delivered(honest, victim, b"still here")


@defect(1, "junk on a pubsub stream", fails_with=(DecodeError,))
async def test_junk_instead_of_an_rpc_is_counted(stack: Stack) -> None:
    await _survives(stack, encode_varint_prefixed(b"\x12\xff\xff\xffjunk"), "rpc_malformed")


@defect(1, "a hashed author with a junk key", fails_with=(DecodeError,))
async def test_junk_key_is_counted(stack: Stack) -> None:
    message = _message_of_hashed_author(b"\xff\xff\xff\xff not a key")
    await _survives(stack, publish_frame(message), "message_key_unreadable")


@defect(1, "a key that has no deserialiser", fails_with=(MissingDeserializerError,))
async def test_key_of_a_kind_nobody_reads_is_counted(stack: Stack) -> None:
    key = crypto_pb2.PublicKey(key_type=crypto_pb2.KeyType.ECDSA, data=b"no DER either")
    message = _message_of_hashed_author(key.SerializeToString())
    await _survives(stack, publish_frame(message), "message_key_unreadable")


def _message_of_hashed_author(key: bytes) -> rpc_pb2.Message:
    """Make a message whose author id is the hash of a key that is none."""
    author = multihash.encode(hashlib.sha256(key).digest(), "sha2-256")

    def change(message: rpc_pb2.Message) -> None:
        message.from_id = author
        message.key = key

    return signed_message(create_new_key_pair(), b"who am I", change=change)


class ApplicationError(Exception):
    """What the application raises when it is asked about a message."""


@defect(1, "an application that raises", fails_with=(ApplicationError,))
async def test_application_that_fails_on_a_message_hears_the_next(stack: Stack) -> None:
    async with two_in_a_room(stack) as (failing, honest):
        failed = trio.Event()

        def fail(*_args: object) -> bool:
            failed.set()
            raise ApplicationError

        ours: Any = failing
        if stack.is_ours:
            ours.receive_messages, receive = fail, ours.receive_messages
        else:
            failing.pubsub.set_topic_validator(ROOM, fail, False)
        await honest.publish(ROOM, b"hard to take")
        await failed.wait()
        if stack.is_ours:
            ours.receive_messages = receive
        else:
            failing.pubsub.remove_topic_validator(ROOM)
        await wait_delivered(honest, failing, b"easy to take")
