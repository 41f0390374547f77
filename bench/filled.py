"""Message stores filled without a node: used by the benches that need much to be there.

Messages of one author with 100 bytes of text each.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from pydoc_data.topics import topics

from libp2p.crypto.ed25519 import create_new_key_pair

from bench.libp2p_peer import SIZE_BYTES
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
RARE_WORD = "interstate"
"""Not in the prose, where each of its trigrams is frequent: what is rare is all of them at once."""
RARE = 10
"""So many messages have it."""
PROSE_STEP = 10_007
"""A prime, so that neighbours are of different texts."""


@lru_cache(maxsize=1)
def signed_messages(count: int) -> list[Message]:
    """Make messages that any peer would take; kept for the next round, since it takes long."""
    signer = MessageSigner(create_new_key_pair().private_key, 0)
    wires = (signer.sign(ROOM, text_of(number).encode()) for number in range(count))
    return [
        message_from_wire(wire, peer_id_from_bytes(wire.author), time.time_ns()) for wire in wires
    ]


def cached_prose(count: int) -> Path:
    """Return a data directory of so many messages in English; made once, kept in build/.

    No message has its own signature, which nobody verifies as long as they stay where they are.
    """
    rare = set(rare_numbers(count))
    return _cached(
        "prose",
        count,
        lambda: _copies(signed_messages(1)[0], count, lambda one: prose_of(one, one in rare)),
    )


def rare_numbers(count: int) -> Sequence[int]:
    """Return which of so many messages have the rare word."""
    spacing = count // RARE
    return range(spacing // 2, spacing * RARE, spacing)


def prose_of(number: int, is_rare: bool) -> str:
    """Return a stretch of English as long as any other text here, some with the rare word."""
    begin = number * PROSE_STEP % (len(_prose()) - SIZE_BYTES)
    rare = f"{RARE_WORD} " if is_rare else ""
    return (rare + _prose()[begin:])[:SIZE_BYTES]


@lru_cache(maxsize=1)
def _prose() -> str:
    """Return the longest English text that every Python brings along."""
    text = " ".join(" ".join(topics.values()).split())
    return text.encode("ascii", "replace").decode()


def cached_store(count: int) -> Path:
    """Return a data directory whose store holds so many messages; made once, kept in build/.

    The newest are as their author signed them. The others have the signature of
    another message, which nobody verifies as long as they stay where they are.
    """

    def made() -> Iterable[Message]:
        newest = signed_messages(SIGNED)
        return chain(_copies(newest[0], count - SIGNED, text_of), newest)

    return _cached("store", count, made)


def _cached(kind: str, count: int, make_messages: Callable[[], Iterable[Message]]) -> Path:
    directory = CACHE / f"{kind}-{count}-v{len(MIGRATIONS)}"
    if not directory.exists():
        beside = directory.with_suffix(".new")
        shutil.rmtree(beside, ignore_errors=True)
        fill(beside, make_messages())
        beside.rename(directory)
    return directory


def fill(directory: Path, messages: Iterable[Message]) -> None:
    """Append messages to the store of a data directory."""
    with open_store(directory) as store:
        for batch in _batches(messages):
            store.append(batch)


def _copies(message: Message, count: int, text_of: Callable[[int], str]) -> Iterator[Message]:
    """Make older messages of as many bytes of text."""
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
