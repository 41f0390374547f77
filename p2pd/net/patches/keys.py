"""Public keys that peers have and py-libp2p cannot read: ECDSA.

``install_ecdsa_keys`` is called once, by ``p2pd.net.host``.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from libp2p.crypto.keys import KeyType, PublicKey
from libp2p.crypto.serialization import key_type_to_public_key_deserializer


class EcdsaPublicKey(PublicKey):
    """An ECDSA key on a NIST curve, as go-libp2p makes them.

    Source: libp2p specs, peer-ids/peer-ids.md, "ECDSA": the key is PKIX in DER,
    a signature is ASN.1 in DER over the SHA-256 of the data.
    """

    def __init__(self, key: ec.EllipticCurvePublicKey, encoded: bytes) -> None:
        self._key = key
        self._encoded = encoded

    @classmethod
    def from_bytes(cls, data: bytes) -> EcdsaPublicKey:
        """Read a key from its DER form.

        Raises:
            TypeError: Not an elliptic curve key.
            ValueError: Not a key at all.
        """
        key = serialization.load_der_public_key(data)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise TypeError("not an ECDSA public key")
        return cls(key, data)

    def to_bytes(self) -> bytes:
        """Return the DER form as it came, since the peer id is a hash of it."""
        return self._encoded

    def get_type(self) -> KeyType:
        """Return the key's type."""
        return KeyType.ECDSA

    def verify(self, data: bytes, signature: bytes) -> bool:
        """Check a signature; any malformed one is simply wrong."""
        try:
            self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


def install_ecdsa_keys() -> None:
    """Teach the library ECDSA public keys (27); there is no hook but its table."""
    key_type_to_public_key_deserializer[KeyType.ECDSA.value] = EcdsaPublicKey.from_bytes
