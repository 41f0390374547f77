"""Message stores filled without a node: used by the benches that need much to be there.

Messages of one author with 100 bytes of text each.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path

from libp2p.crypto.ed25519 import create_new_key_pair

from bench.pages import text_of
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName
from p2pd.net.pubsub.gossip import message_from_wire, peer_id_from_bytes
from p2pd.net.pubsub.messages import MessageSigner
from p2pd.store.schema import MIGRATIONS
from p2pd.store.sqlite_store import open_store

ROOM = RoomName("chat-room")
CACHE = Path("build/bench")
APPEND_AT_ONCE = 1_000
SPACING_NS = 1_000
SIGNED = 1_000
"""So many of the newest can be given to a peer."""


@lru_cache(maxsize=1)
def signed_messages(count: int) -> list[Message]:
    """Make messages that any peer would take; kept for the next round, since it takes long."""
    signer = MessageSigner(create_new_key_pair().private_key, 0)
    wires = (signer.sign(ROOM, text_of(number).encode()) for number in range(count))
    return [
        message_from_wire(wire, peer_id_from_bytes(wire.author), time.time_ns()) for wire in wires
    ]


def cached_store(count: int) -> Path:
    """Return a data directory whose store holds so many messages; made once, kept in build/.

    The newest are as their author signed them. The others have the signature of
    another message, which nobody verifies as long as they stay where they are.
    """
    directory = CACHE / f"store-{count}-v{len(MIGRATIONS)}"
    if not directory.exists():
        beside = directory.with_suffix(".new")
        shutil.rmtree(beside, ignore_errors=True)
        newest = signed_messages(SIGNED)
        fill(beside, chain(_copies(newest[0], count - SIGNED), newest))
        beside.rename(directory)
    return directory


def fill(directory: Path, messages: Iterable[Message]) -> None:
    """Append messages to the store of a data directory."""
    with open_store(directory) as store:
        for batch in _batches(messages):
            store.append(batch)


def _copies(message: Message, count: int) -> Iterator[Message]:
    first = message.seqno - count * SPACING_NS
    author = message.message_id[: -len(message.seqno.to_bytes(8, "big").hex())]
    for number in range(count):
        data = text_of(number).encode()
        seqno = first + number * SPACING_NS
        yield replace(
            message,
            message_id=MessageId(author + seqno.to_bytes(8, "big").hex()),
            data=data,
            seqno=seqno,
            receive_time_ns=seqno,
            signed_bytes=message.signed_bytes.replace(message.data, data),
        )


def _batches(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    rest = iter(messages)
    while batch := list(islice(rest, APPEND_AT_ONCE)):
        yield batch
