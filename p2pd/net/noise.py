"""Noise with a buffer: one read of the socket serves every message it brought.

``p2pd.net.host`` offers it in the place of the library's own, whose handshake
it keeps. The stock session reads each message in two or more awaits, and goes
through four layers for each encryption (7).

Source: libp2p specs, noise/README.md, "Wire Format".
"""

from __future__ import annotations

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from libp2p.abc import IRawConnection, ISecureConn
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.peer.id import ID
from libp2p.security.exceptions import HandshakeFailure
from libp2p.security.noise.io import NoiseTransportReadWriter
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport
from libp2p.security.secure_session import SecureSession

from p2pd.net.direct_socket import direct_socket_of

__all__ = ["NOISE", "BufferedNoise"]

LENGTH_BYTES = 2
MAX_CIPHERTEXT_BYTES = 65_535
MAX_PLAINTEXT_BYTES = MAX_CIPHERTEXT_BYTES - 16
READ_BYTES = 256 * 1024


class BufferedNoise(Transport):
    """The stock handshake, then a session of our own; malformed bytes fail the handshake."""

    async def secure_inbound(self, conn: IRawConnection) -> ISecureConn:
        """Answer a handshake.

        Raises:
            HandshakeFailure: The peer's part of it is wrong.
        """
        return _buffered(await super().secure_inbound(conn), conn)

    async def secure_outbound(self, conn: IRawConnection, peer_id: ID) -> ISecureConn:
        """Begin a handshake.

        Raises:
            HandshakeFailure: The peer's part of it is wrong, or it is another.
        """
        return _buffered(await super().secure_outbound(conn, peer_id), conn)


class BufferedSession(SecureSession):
    """A secured connection that decrypts all that came at once.

    Attributes:
        raw: The connection below.
    """

    def __init__(self, stock: SecureSession, raw: IRawConnection) -> None:
        super().__init__(
            local_peer=stock.local_peer,
            local_private_key=stock.local_private_key,
            remote_peer=stock.remote_peer,
            remote_permanent_pubkey=stock.remote_permanent_pubkey,
            is_initiator=stock.is_initiator,
            conn=stock.conn,
        )
        sending, receiving = _cipher_states(stock)
        self.raw = raw
        self._socket = direct_socket_of(raw)
        self._unsent = b""
        """Ciphertext that the kernel did not take at once."""
        self._encrypt = _Cipher(sending)
        self._decrypt = _Cipher(receiving)
        self._ciphertext = bytearray()
        self._plaintext = bytearray()

    async def read(self, n: int | None = None) -> bytes:
        """Return exactly ``n`` bytes, or without ``n`` whatever has come.

        Raises:
            ConnectionClosedError: The other end has hung up, or what came is
                not of this session.
        """
        if n is None:
            n = len(self._plaintext) or len(await self._fill_some())
        while len(self._plaintext) < n:
            await self._fill_some()
        taken = bytes(self._plaintext[:n])
        del self._plaintext[:n]
        return taken

    async def write(self, data: bytes) -> None:
        """Encrypt and send all of it, in one write, behind what waits.

        Raises:
            ConnectionClosedError: The connection broke.
        """
        messages, self._unsent = self._unsent + self._sealed(data), b""
        if self._socket is None:
            await self.raw.write(messages)
        else:
            await self._socket.write(messages)

    def write_now(self, data: bytes) -> bool:
        """Encrypt and send without waiting; not while ``write`` is under way.

        What the kernel does not take waits for the next ``write``.

        Returns:
            Whether all of it was sent.

        Raises:
            ConnectionClosedError: The connection broke.
        """
        assert self._socket is not None
        messages = self._sealed(data)
        sent = self._socket.write_now(messages)
        self._unsent = messages[sent:]
        return not self._unsent

    @property
    def can_write_now(self) -> bool:
        """Whether ``write_now`` may be called: over a socket that took all before."""
        return self._socket is not None and not self._unsent

    def _sealed(self, data: bytes) -> bytes:
        messages = bytearray()
        for offset in range(0, len(data), MAX_PLAINTEXT_BYTES):
            ciphertext = self._encrypt.seal(data[offset : offset + MAX_PLAINTEXT_BYTES])
            messages += len(ciphertext).to_bytes(LENGTH_BYTES, "big") + ciphertext
        return bytes(messages)

    async def _fill_some(self) -> bytearray:
        """Read until at least one byte of plaintext is there."""
        while not self._decrypt_whole_messages():
            chunk = await (self._socket or self.raw).read(READ_BYTES)
            if not chunk:
                raise ConnectionClosedError("connection is closed")
            self._ciphertext += chunk
        return self._plaintext

    def _decrypt_whole_messages(self) -> bool:
        before = len(self._plaintext)
        received = self._ciphertext
        offset = 0
        while len(received) - offset >= LENGTH_BYTES:
            body = offset + LENGTH_BYTES
            end = body + int.from_bytes(received[offset:body], "big")
            if end > len(received):
                break
            self._plaintext += self._decrypt.open(bytes(received[body:end]))
            offset = end
        del received[:offset]
        return len(self._plaintext) > before


class _CipherState(Protocol):
    """What the handshake leaves of one direction: a key and a counter."""

    k: bytes
    n: int


class _Cipher:
    """One direction's key with its counter."""

    def __init__(self, state: _CipherState) -> None:
        self._aead = ChaCha20Poly1305(state.k)
        self._count = state.n

    def seal(self, plaintext: bytes) -> bytes:
        return self._aead.encrypt(self._next_nonce(), plaintext, None)

    def open(self, ciphertext: bytes) -> bytes:
        try:
            return self._aead.decrypt(self._next_nonce(), ciphertext, None)
        except InvalidTag:
            raise ConnectionClosedError("a message does not decrypt") from None

    def _next_nonce(self) -> bytes:
        nonce = b"\0\0\0\0" + self._count.to_bytes(8, "little")
        self._count += 1
        return nonce


def _buffered(stock: ISecureConn, raw: IRawConnection) -> BufferedSession:
    if not isinstance(stock, SecureSession):
        raise HandshakeFailure("the library's session has another shape")
    return BufferedSession(stock, raw)


def _cipher_states(stock: SecureSession) -> tuple[_CipherState, _CipherState]:
    """Take the keys of both directions out of the finished handshake."""
    conn = stock.conn
    if not isinstance(conn, NoiseTransportReadWriter):
        raise HandshakeFailure("the library's session has another shape")
    protocol = conn.noise_state.noise_protocol
    return protocol.cipher_state_encrypt, protocol.cipher_state_decrypt
