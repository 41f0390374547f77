"""The messages of a session: asked for by item, given in frames that a relay lets pass.

A part of the rules of both roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import Item
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.ranges_from_proto import WANTED_DIGEST_BYTES, items_from_proto, proto_from_items
from p2pd.sync.session.effects import Steps, StoredMessages, accept, look_up, receive, send
from p2pd.sync.session.frames import MAX_FRAME_BYTES

MAX_WANTED_ITEMS = 1_000
MAX_FETCHED_BYTES = 64 << 20
"""Nothing more is asked for once so much has come; the next session goes on."""
FIRST_BATCH_BYTES = 16 << 10
MAX_BATCH_BYTES = 256 << 10
"""Frames begin small and double: a relay may cut the connection after 128 KiB, and only
whole frames count."""
MAX_SIGNED_BYTES = MAX_FRAME_BYTES - MAX_BATCH_BYTES - 1024


def fetch(need: Sequence[Item]) -> Steps[tuple[int, bool]]:
    """Ask for messages; return how many were new, and whether all were given."""
    received = given = fetched_bytes = 0
    for at in range(0, len(need), MAX_WANTED_ITEMS):
        if fetched_bytes > MAX_FETCHED_BYTES:
            break
        wanted = need[at : at + MAX_WANTED_ITEMS]
        items = proto_from_items(wanted, WANTED_DIGEST_BYTES)
        yield from send(want=sync_pb2.Want(items=items))
        outstanding = frozenset(wanted)
        is_last = False
        while not is_last:
            frame = yield from receive()
            if frame.WhichOneof("frame") != "messages":
                raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
            signed = messages_of(frame.messages)
            accepted = yield from accept(signed, outstanding)
            outstanding = accepted.wanted
            received += accepted.new_count
            fetched_bytes += sum(map(len, signed))
            is_last = frame.messages.last
        given += len(wanted) - len(outstanding)
    return received, given == len(need)


def give(items: Sequence[Item], *, is_complete: bool = False) -> Steps[int]:
    """Send the messages that are still stored; return how many.

    Args:
        is_complete: See ``Messages.is_complete``.
    """
    sent = 0
    sizes = _batch_sizes()
    for at in range(0, len(items), MAX_WANTED_ITEMS):
        stored = yield from look_up(StoredMessages(items[at : at + MAX_WANTED_ITEMS]))
        for batch in _batches(stored, sizes):
            yield from send(messages=sync_pb2.Messages(messages=batch))
            sent += len(batch)
    yield from send(messages=sync_pb2.Messages(last=True, is_complete=is_complete))
    return sent


def messages_of(messages: sync_pb2.Messages) -> Sequence[bytes]:
    """Return a frame's messages; only the last may have none."""
    if not messages.messages and not messages.last:
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_EMPTY)
    return messages.messages


def wanted_items(want: sync_pb2.Want) -> tuple[Item, ...]:
    """Return what a peer asks for; it must ask for something, and not for too much."""
    items = items_from_proto(want.items, WANTED_DIGEST_BYTES)
    if not 0 < len(items) <= MAX_WANTED_ITEMS:
        raise SyncAbuseError(RejectionReason.SYNC_WANTED_COUNT)
    return items


def _batch_sizes() -> Iterator[int]:
    """Yield how many bytes each frame of a session may have."""
    size_bytes = FIRST_BATCH_BYTES
    while True:
        yield size_bytes
        size_bytes = min(2 * size_bytes, MAX_BATCH_BYTES)


def _batches(messages: Iterable[bytes], sizes: Iterator[int]) -> Iterator[list[bytes]]:
    """Group messages for one frame each; one that fits no frame is left out."""
    batch: list[bytes] = []
    size_bytes, max_bytes = 0, next(sizes)
    for message in messages:
        if len(message) > MAX_SIGNED_BYTES:
            continue
        if batch and size_bytes + len(message) > max_bytes:
            yield batch
            batch, size_bytes, max_bytes = [], 0, next(sizes)
        batch.append(message)
        size_bytes += len(message)
    if batch:
        yield batch
