"""What a byte stream becomes a connection with: Noise, and our yamux.

Called by ``p2pd.net.host``, and by whatever dials as another peer.
"""

from __future__ import annotations

from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.transport.upgrader import TransportUpgrader

from p2pd.domain.rejections import Rejections
from p2pd.net.noise import NOISE, BufferedNoise
from p2pd.net.yamux.negotiation import MUXERS, YamuxNegotiation


def upgrader_of(key_pair: KeyPair, rejections: Rejections) -> TransportUpgrader:
    """Offer Noise alone (36), so that go dials with what is quick here; and our yamux."""
    noise = BufferedNoise(key_pair, noise_privkey=create_noise_key_pair().private_key)
    upgrader = TransportUpgrader({NOISE: noise}, MUXERS)
    upgrader.muxer_multistream = YamuxNegotiation(rejections)
    return upgrader
