"""Signed bytes from storage, read again as messages; used by ``p2pd.node`` to salvage."""

from __future__ import annotations

from collections.abc import Callable

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId
from p2pd.domain.rejections import MessageRefusedError
from p2pd.net.pubsub.gossip import message_from_wire, peer_id_from_bytes
from p2pd.net.pubsub.messages import MessageVerifier, message_from_bytes


def signed_message_reader() -> Callable[[bytes], Message | None]:
    """Return a function that reads signed bytes; it returns None where they do not verify.

    The message names its author as forwarder and no time of receipt. The function
    is for one thread at a time.
    """
    verifier = MessageVerifier()

    def read(signed_bytes: bytes) -> Message | None:
        try:
            wire = message_from_bytes(signed_bytes)
            verifier.verify(wire)
        except MessageRefusedError:
            return None
        author_id: PeerId = peer_id_from_bytes(wire.author)
        return message_from_wire(wire, author_id, now_ns=0)

    return read
