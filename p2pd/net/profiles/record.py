"""Profiles sealed in a libp2p signed envelope, and opened again where all is right.

Used by ``exchange`` and the DHT for what peers give, by ``p2pd.chat.profiles`` for our own
and for what is stored. Source: libp2p specs, RFC 0002 (signed envelopes).
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from libp2p.crypto.keys import KeyPair, PublicKey
from libp2p.crypto.serialization import deserialize_public_key
from libp2p.peer.envelope import Envelope, make_unsigned
from libp2p.peer.id import ID
from libp2p.peer.pb.envelope_pb2 import Envelope as EnvelopeProto
from wsp.profile.v1 import profile_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.profiles import Profile, ProfileRecord, profile_from_parts
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import InvalidInputError

DOMAIN = "wsp-profile"
PAYLOAD_TYPE = b"/wsp/profile"
MAX_RECORD_BYTES = 18 * 1024
MAX_VALID_NS = 60 * 24 * 3600 * 10**9
"""A record that says it is good for longer is malformed: ours are good for half as long."""
NS_PER_S = 10**9


class ProfileRefusedError(Exception):
    """A record breaks a rule; ``reason`` is the name to count it by."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason


def seal_profile(
    key_pair: KeyPair, profile: Profile, sequence: int, expire_time_ns: int
) -> ProfileRecord:
    """Sign a profile with this node's key."""
    own_id = ID.from_pubkey(key_pair.public_key)
    expire_time_s = expire_time_ns // NS_PER_S
    payload = profile_pb2.ProfileRecord(
        peer_id=own_id.to_bytes(),
        sequence=sequence,
        expire_time=expire_time_s,
        name=profile.name,
        about=profile.about,
        color=profile.color,
        avatar=profile.avatar,
    ).SerializeToString()
    signature = key_pair.private_key.sign(make_unsigned(DOMAIN, PAYLOAD_TYPE, payload))
    envelope = Envelope(key_pair.public_key, PAYLOAD_TYPE, payload, signature)
    sealed: bytes = envelope.marshal_envelope()
    return ProfileRecord(PeerId(str(own_id)), profile, sequence, expire_time_s * NS_PER_S, sealed)


class ProfileKey:
    """Signs this node's own records and reads those that it has stored."""

    def __init__(self, key_pair: KeyPair) -> None:
        self._key_pair = key_pair
        self.own_id = PeerId(str(ID.from_pubkey(key_pair.public_key)))

    def seal(self, profile: Profile, sequence: int, expire_time_ns: int) -> ProfileRecord:
        """Sign a profile."""
        return seal_profile(self._key_pair, profile, sequence, expire_time_ns)

    def open(self, sealed: bytes, peer_id: PeerId, now_ns: int) -> ProfileRecord | None:
        """Read a stored record of a peer; None where it is good no more. Ours always is."""
        try:
            return open_profile(sealed, peer_id, None if peer_id == self.own_id else now_ns)
        except ProfileRefusedError:
            return None


def open_profile(sealed: bytes, peer_id: PeerId, now_ns: int | None) -> ProfileRecord:
    """Open a record that is to be of this peer.

    Args:
        now_ns: None where it does not matter until when the record is good.

    Raises:
        ProfileRefusedError: It is too large, malformed, of another peer, forged, expired
            or breaks the rules of a profile.
    """
    if len(sealed) > MAX_RECORD_BYTES:
        raise ProfileRefusedError(RejectionReason.PROFILE_TOO_LARGE)
    envelope = _envelope_from_bytes(sealed)
    key = _key_of(envelope)
    if str(ID.from_pubkey(key)) != peer_id:
        raise ProfileRefusedError(RejectionReason.PROFILE_OF_ANOTHER)
    unsigned = make_unsigned(DOMAIN, envelope.payload_type, envelope.payload)
    if envelope.payload_type != PAYLOAD_TYPE or not _is_signed(key, unsigned, envelope.signature):
        raise ProfileRefusedError(RejectionReason.PROFILE_SIGNATURE_WRONG)
    return _record_from_payload(envelope.payload, sealed, peer_id, now_ns)


def open_given(
    sealed: bytes, peer_id: PeerId, now_ns: int, rejections: Rejections
) -> ProfileRecord | None:
    """Open what a peer gave as the record of one; None for nothing, and where it is refused."""
    try:
        return open_profile(sealed, peer_id, now_ns) if sealed else None
    except ProfileRefusedError as error:
        rejections.count(error.reason)
        return None


def _envelope_from_bytes(sealed: bytes) -> EnvelopeProto:
    try:
        envelope: EnvelopeProto = EnvelopeProto.FromString(sealed)
    except DecodeError:
        raise ProfileRefusedError(RejectionReason.PROFILE_MALFORMED) from None
    return envelope


def _key_of(envelope: EnvelopeProto) -> PublicKey:
    try:
        return deserialize_public_key(envelope.public_key.SerializeToString())
    # The library has many ways to say that a key cannot be read.
    except Exception:
        raise ProfileRefusedError(RejectionReason.PROFILE_MALFORMED) from None


def _is_signed(key: PublicKey, unsigned: bytes, signature: bytes) -> bool:
    try:
        return bool(key.verify(unsigned, signature))
    # The library has many ways to say that a signature cannot be read.
    except Exception:
        return False


def _record_from_payload(
    payload: bytes, sealed: bytes, peer_id: PeerId, now_ns: int | None
) -> ProfileRecord:
    try:
        fields = profile_pb2.ProfileRecord.FromString(payload)
    except DecodeError:
        raise ProfileRefusedError(RejectionReason.PROFILE_MALFORMED) from None
    if fields.peer_id != ID.from_base58(peer_id).to_bytes():
        raise ProfileRefusedError(RejectionReason.PROFILE_OF_ANOTHER)
    expire_time_ns = fields.expire_time * NS_PER_S
    if now_ns is not None and expire_time_ns <= now_ns:
        raise ProfileRefusedError(RejectionReason.PROFILE_EXPIRED)
    if now_ns is not None and expire_time_ns > now_ns + MAX_VALID_NS:
        raise ProfileRefusedError(RejectionReason.PROFILE_MALFORMED)
    profile = _profile_from_fields(fields)
    return ProfileRecord(peer_id, profile, fields.sequence, expire_time_ns, sealed)


def _profile_from_fields(fields: profile_pb2.ProfileRecord) -> Profile:
    try:
        profile = profile_from_parts(fields.name, fields.about, fields.color, fields.avatar)
    except InvalidInputError as error:
        is_picture = error.reason == "INVALID_AVATAR"
        raise ProfileRefusedError(
            RejectionReason.PROFILE_AVATAR_REFUSED
            if is_picture
            else RejectionReason.PROFILE_MALFORMED
        ) from None
    if profile.name != fields.name:
        raise ProfileRefusedError(RejectionReason.PROFILE_MALFORMED)
    return profile
