"""Stateless resets: a peer of a connection that is no more learns so by its next datagram.

A node that was killed comes back with the same key, and so with the same tokens.
``core`` gives a token to each connection id, ``endpoint`` answers with it.

Source: RFC 9000, section 10.3.
"""

from __future__ import annotations

import hashlib
import hmac
import os

from libp2p.crypto.keys import PrivateKey

from common.rates import TokenBucket

TOKEN_BYTES = 16
LEAST_BYTES = 5 + TOKEN_BYTES
MOST_BYTES = 42
LOOKS_PER_S = 50.0
LABEL = b"wsp QUIC stateless reset"


class StatelessResets:
    """Make tokens of a node's key, and answer with them."""

    def __init__(self, key: PrivateKey) -> None:
        self._secret = hmac.digest(key.to_bytes(), LABEL, hashlib.sha256)
        self._rate = TokenBucket(LOOKS_PER_S, LOOKS_PER_S)

    def token(self, cid: bytes) -> bytes:
        """Return what proves that a reset is from the node that chose an id."""
        return hmac.digest(self._secret, cid, hashlib.sha256)[:TOKEN_BYTES]

    def permits(self, now_s: float) -> bool:
        """Return whether one more datagram to nobody is looked at; most are noise."""
        return self._rate.consume(now_s) == 0.0

    def answer(self, cid: bytes, received_bytes: int) -> bytes | None:
        """Make a reset, always smaller than what it answers, so that two cannot echo."""
        size = min(received_bytes - 1, MOST_BYTES)
        if size < LEAST_BYTES:
            return None
        noise = bytearray(os.urandom(size - TOKEN_BYTES))
        noise[0] = 0x40 | noise[0] & 0x3F
        return bytes(noise) + self.token(cid)
