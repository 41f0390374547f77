"""An ECDSA identity, as go-libp2p nodes may have one; py-libp2p has none."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from libp2p.crypto.keys import KeyPair, KeyType, PrivateKey, PublicKey


class EcdsaPublic(PublicKey):
    """The public half, in the DER form that peer ids are made of."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self.key = key

    def to_bytes(self) -> bytes:
        return self.key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def get_type(self) -> KeyType:
        return KeyType.ECDSA

    def verify(self, data: bytes, signature: bytes) -> bool:
        self.key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        return True


class EcdsaPrivate(PrivateKey):
    """The private half; only signs."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def to_bytes(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def get_type(self) -> KeyType:
        return KeyType.ECDSA

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def get_public_key(self) -> PublicKey:
        return EcdsaPublic(self.key.public_key())


def new_ecdsa_key_pair() -> KeyPair:
    """Make an identity on P-256."""
    key = EcdsaPrivate()
    return KeyPair(key, key.get_public_key())
