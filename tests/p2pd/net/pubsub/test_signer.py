"""What this node signs, as every implementation encodes it."""

from __future__ import annotations

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.pubsub.pb import rpc_pb2

from p2pd.net.pubsub.messages import MessageSigner, MessageVerifier, message_from_bytes


@pytest.mark.parametrize("data", [b"x", b"x" * 200, b"\0" * 40_000])
def test_signed_bytes_are_the_encoding_of_their_fields(data: bytes) -> None:
    signer = MessageSigner(create_new_key_pair().private_key, first_seqno=0)
    message = signer.sign("chat-room", data)
    decoded = rpc_pb2.Message()
    decoded.ParseFromString(message.signed_bytes)
    assert decoded.SerializeToString() == message.signed_bytes
    assert decoded == message.fields
    MessageVerifier().verify(message_from_bytes(message.signed_bytes))
