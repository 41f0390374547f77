"""aioquic's connection, which grants a peer credit only for what was read here.

The stock one doubles a limit whenever half of it is used: a peer that sends faster
than it is read makes this node hold all of it. Made by ``endpoint``.

Source: RFC 9000, section 4; libp2p specs, quic/README.md and tls/tls.md.
"""

from __future__ import annotations

import hmac
import ssl
from typing import Any

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.quic.stream import QuicStream
from cryptography import x509
from libp2p.crypto.keys import PrivateKey
from libp2p.peer.id import ID
from libp2p.transport.quic.security import CertificateGenerator

from p2pd.net.quic.resets import TOKEN_BYTES, StatelessResets

ALPN = "libp2p"
DATAGRAM_BYTES = 1232
"""Of a UDP payload: fits, over IPv6 too, wherever IPv6 may run at all."""
IDLE_TIMEOUT_S = 30.0
"""A connection that nobody pings ends by then; ours are pinged every 5 s."""
STREAM_WINDOW_BYTES = 256 * 1024
CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024
"""What one peer can make this node hold, over all its streams."""
MAX_STREAMS = 256
"""Streams a peer may have open here at once."""
CID_BYTES = 8
CERTIFICATE_DAYS = 100 * 365
"""A node may run for years; the certificate is new at each start."""


def configurations(key: PrivateKey, peer_id: ID) -> dict[bool, QuicConfiguration]:
    """Make the settings of outbound (True) and inbound (False) connections of a node."""
    tls = CertificateGenerator().generate_certificate(key, peer_id, CERTIFICATE_DAYS)
    return {
        is_client: QuicConfiguration(
            alpn_protocols=[ALPN],
            certificate=tls.certificate,
            connection_id_length=CID_BYTES,
            idle_timeout=IDLE_TIMEOUT_S,
            is_client=is_client,
            max_data=CONNECTION_WINDOW_BYTES,
            max_datagram_size=DATAGRAM_BYTES,
            max_stream_data=STREAM_WINDOW_BYTES,
            private_key=tls.private_key,
            supported_versions=[QuicProtocolVersion.VERSION_1],
            # Peers sign their own certificates; ``connection`` verifies whose they are.
            verify_mode=ssl.CERT_NONE,
        )
        for is_client in (True, False)
    }


class CreditedQuic(QuicConnection):
    """aioquic with withheld credit, and a certificate demanded of clients too."""

    def __init__(self, resets: StatelessResets, **options: Any) -> None:
        super().__init__(**options)
        self._resets = resets
        if not self._is_client:
            self._host_cids[0].stateless_reset_token = resets.token(self.host_cid)
        self._local_max_streams_bidi.value = self._local_max_streams_bidi.sent = MAX_STREAMS
        self._local_max_streams_uni.value = self._local_max_streams_uni.sent = 0

    @property
    def peer_certificate(self) -> x509.Certificate | None:
        """What the peer proved to have the key of."""
        certificate: x509.Certificate | None = self.tls._peer_certificate
        return certificate

    @property
    def end_reason(self) -> str | None:
        """Why the connection ends; None while it does not.

        aioquic reports the end only when nothing can come any more, seconds later.
        """
        return None if self._close_event is None else self._close_event.reason_phrase or "closed"

    @property
    def latest_round_trip_s(self) -> float:
        """The last measurement, without the time that the peer waited to answer."""
        return float(self._loss._rtt_latest)

    def is_reset_by(self, data: bytes) -> bool:
        """Return whether a datagram is the peer's word that it knows the connection no more."""
        tokens = (
            each.stateless_reset_token for each in (self._peer_cid, *self._peer_cid_available)
        )
        end = data[-TOKEN_BYTES:]
        return any(token and hmac.compare_digest(token, end) for token in tokens)

    def is_reading(self, stream_id: int) -> bool:
        """Return whether the peer may still send on a stream."""
        stream = self._streams.get(stream_id)
        return stream is not None and not stream.receiver.is_finished

    def unacknowledged_bytes(self, stream_id: int) -> int:
        """Return how much was written to a stream and has not arrived."""
        stream = self._streams.get(stream_id)
        return 0 if stream is None else stream.sender._buffer_stop - stream.sender._buffer_start

    def grant(self, stream_id: int, size: int) -> None:
        """Let the peer send more on a stream, for what was read of it."""
        if (stream := self._streams.get(stream_id)) is not None:
            stream.max_stream_data_local += size

    @property
    def wants_grant(self) -> bool:
        """Whether the peer has used half of what it may send in all."""
        limit = self._local_max_data
        return limit.value - limit.used <= CONNECTION_WINDOW_BYTES // 2

    def grant_all(self, unread_bytes: int) -> None:
        """Let the peer send more in all.

        Args:
            unread_bytes: What arrived in order and was not read.
        """
        limit = self._local_max_data
        gaps = (each.receiver for each in self._streams.values() if not each.receiver.is_finished)
        waiting = sum(each.highest_offset - each.starting_offset() for each in gaps)
        held_bytes = unread_bytes + waiting
        limit.value = max(limit.value, limit.used - held_bytes + CONNECTION_WINDOW_BYTES)

    def _replenish_connection_ids(self) -> None:
        first_new = self._host_cid_seq
        super()._replenish_connection_ids()
        for each in self._host_cids:
            if each.sequence_number >= first_new:
                each.stateless_reset_token = self._resets.token(each.cid)

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        self.tls._request_client_certificate = True

    def _write_connection_limits(self, builder: Any, space: Any) -> None:
        limit = self._local_max_data
        used, limit.used = limit.used, 0
        try:
            super()._write_connection_limits(builder, space)
        finally:
            limit.used = used

    def _write_stream_limits(self, builder: Any, space: Any, stream: QuicStream) -> None:
        receiver = stream.receiver
        highest, receiver.highest_offset = receiver.highest_offset, 0
        try:
            super()._write_stream_limits(builder, space, stream)
        finally:
            receiver.highest_offset = highest
