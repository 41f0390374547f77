"""Who is at the other end of a QUIC connection, by the certificate that it has shown."""

from __future__ import annotations

from cryptography.x509 import Certificate
from libp2p.peer.id import ID
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from libp2p.transport.quic.security import PeerAuthenticator


def verified_peer_id(certificate: Certificate | None, expected: ID | None) -> ID:
    """Return the peer that a certificate proves, which must be the expected one.

    Raises:
        ConnectionError: There is no certificate.
        PeerIDMismatchesPubkey: Another peer answers there.
        Exception: What a certificate sets off in the parsers is the peer's choice.
    """
    if certificate is None:
        raise ConnectionError("the peer has no certificate")
    peer_id = PeerAuthenticator().verify_peer_certificate(certificate)
    if expected not in (None, peer_id):
        raise PeerIDMismatchesPubkey("another peer answers there")
    return peer_id
