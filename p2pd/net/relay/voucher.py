"""The voucher of a reservation: the relay's signature under who may be reached how long.

Made by ``server``. Nobody checks it today; go refuses one that is malformed.

Source: libp2p specs, relay/circuit-v2.md, "Reservation Vouchers".
"""

from __future__ import annotations

from libp2p.crypto.keys import PrivateKey
from libp2p.peer.envelope import Envelope, make_unsigned
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import Voucher

DOMAIN = "libp2p-relay-rsvp"
PAYLOAD_TYPE = bytes((0x03, 0x02))


def voucher_for(peer_id: ID, relay_key: PrivateKey, expire_time_s: int) -> bytes:
    """Sign that a peer may be reached through this relay.

    Args:
        expire_time_s: Seconds since the epoch.
    """
    relay_id = ID.from_pubkey(relay_key.get_public_key())
    payload = Voucher(
        relay=relay_id.to_bytes(), peer=peer_id.to_bytes(), expiration=expire_time_s
    ).SerializeToString()
    signature = relay_key.sign(make_unsigned(DOMAIN, PAYLOAD_TYPE, payload))
    envelope = Envelope(relay_key.get_public_key(), PAYLOAD_TYPE, payload, signature)
    encoded: bytes = envelope.marshal_envelope()
    return encoded
