"""The keys of authors: read once each, bounded, and no forgery pushes one out."""

from __future__ import annotations

from collections import OrderedDict
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import PublicKey
from libp2p.peer.id import ID

from p2pd.domain.rejections import MessageRefusedError
from p2pd.net.pubsub import messages
from p2pd.net.pubsub.messages import MessageSigner, MessageVerifier, message_from_bytes

MAX_KEYS = 4


@cache
def signed_bytes_of(author: int) -> bytes:
    private_key = create_new_key_pair(bytes([author + 1]) * 32).private_key
    return MessageSigner(private_key, 0, lambda: author).sign("room", b"text").signed_bytes


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=60))
def test_keys_of_the_authors_verified_last_stay(arrivals: list[tuple[int, bool]]) -> None:
    reads: list[ID] = []
    key_in_id = messages.key_in_id

    def read(author: ID) -> PublicKey | None:
        reads.append(author)
        return key_in_id(author)

    verifier = MessageVerifier(MAX_KEYS)
    expected: OrderedDict[int, None] = OrderedDict()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "key_in_id", read)
        for author, is_forged in arrivals:
            message = message_from_bytes(signed_bytes_of(author))
            reads.clear()
            if is_forged:
                message.fields.signature = bytes(64)
                with pytest.raises(MessageRefusedError):
                    verifier.verify(message)
            else:
                verifier.verify(message)
            assert len(reads) == (author not in expected)
            if not is_forged:
                expected[author] = None
                expected.move_to_end(author)
                if len(expected) > MAX_KEYS:
                    expected.popitem(last=False)
