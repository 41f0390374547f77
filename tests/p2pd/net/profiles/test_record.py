"""Records sealed by one key and opened by others: what is refused, and why."""

from __future__ import annotations

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair
from libp2p.peer.envelope import Envelope, make_unsigned
from libp2p.peer.id import ID
from wsp.profile.v1 import profile_pb2

from p2pd.domain.names import PeerId
from p2pd.domain.profiles import Profile
from p2pd.domain.rejections import RejectionReason
from p2pd.net.profiles.record import (
    DOMAIN,
    MAX_RECORD_BYTES,
    PAYLOAD_TYPE,
    ProfileKey,
    ProfileRefusedError,
    open_profile,
    seal_profile,
)

KEY = create_new_key_pair(b"somebody".ljust(32))
OTHER = create_new_key_pair(b"somebody else".ljust(32))
PEER = PeerId(str(ID.from_pubkey(KEY.public_key)))
NOW_NS = 1_750_000_000 * 10**9
LATER_NS = NOW_NS + 3600 * 10**9
PROFILE = Profile("Ada", "likes bees", "#0080ff", b"\x89PNG\r\n\x1a\n")
SEALED = seal_profile(KEY, PROFILE, 7, LATER_NS).sealed


def sealed_by(
    key: KeyPair, domain: str = DOMAIN, kind: bytes = PAYLOAD_TYPE, **fields: object
) -> bytes:
    """Seal whatever fields, as a peer of any kind could."""
    good = {"peer_id": ID.from_base58(PEER).to_bytes(), "sequence": 7, "name": "Ada"}
    good["expire_time"] = LATER_NS // 10**9
    payload = profile_pb2.ProfileRecord(**(good | fields)).SerializeToString()  # type: ignore[arg-type]
    signature = key.private_key.sign(make_unsigned(domain, kind, payload))
    envelope: bytes = Envelope(key.public_key, kind, payload, signature).marshal_envelope()
    return envelope


def refusal(sealed: bytes, now_ns: int = NOW_NS) -> RejectionReason:
    with pytest.raises(ProfileRefusedError) as caught:
        open_profile(sealed, PEER, now_ns)
    return caught.value.reason


def test_a_record_opens_as_it_was_sealed() -> None:
    record = open_profile(SEALED, PEER, NOW_NS)
    assert record == seal_profile(KEY, PROFILE, 7, LATER_NS)
    assert open_profile(sealed_by(KEY), PEER, NOW_NS).profile == Profile("Ada")


def test_the_largest_profile_fits() -> None:
    largest = Profile("ü" * 32, "ü" * 256, "#0080ff", b"\x89PNG\r\n\x1a\n".ljust(16 * 1024))
    sealed = seal_profile(KEY, largest, 2**64 - 1, LATER_NS).sealed
    assert open_profile(sealed, PEER, NOW_NS).profile == largest
    assert len(sealed) <= MAX_RECORD_BYTES


@pytest.mark.parametrize(
    ("sealed", "reason"),
    [
        (SEALED.ljust(MAX_RECORD_BYTES + 1), RejectionReason.PROFILE_TOO_LARGE),
        (b"\xff\xff", RejectionReason.PROFILE_MALFORMED),
        (b"", RejectionReason.PROFILE_MALFORMED),
        (SEALED[:-1] + bytes([SEALED[-1] ^ 1]), RejectionReason.PROFILE_SIGNATURE_WRONG),
        (SEALED.replace(b"Ada", b"Eve"), RejectionReason.PROFILE_SIGNATURE_WRONG),
        (sealed_by(KEY, domain="libp2p-peer-record"), RejectionReason.PROFILE_SIGNATURE_WRONG),
        (sealed_by(KEY, kind=b"/wsp/other"), RejectionReason.PROFILE_SIGNATURE_WRONG),
        (sealed_by(OTHER), RejectionReason.PROFILE_OF_ANOTHER),
        (sealed_by(KEY, peer_id=b"\x00\x01x"), RejectionReason.PROFILE_OF_ANOTHER),
        (sealed_by(KEY, expire_time=NOW_NS // 10**9), RejectionReason.PROFILE_EXPIRED),
        (sealed_by(KEY, expire_time=2**62), RejectionReason.PROFILE_MALFORMED),
        (sealed_by(KEY, name=" Ada"), RejectionReason.PROFILE_MALFORMED),
        (sealed_by(KEY, name="a\u202eb"), RejectionReason.PROFILE_MALFORMED),
        (sealed_by(KEY, color="url(x)"), RejectionReason.PROFILE_MALFORMED),
        (sealed_by(KEY, avatar=b"<svg/>"), RejectionReason.PROFILE_AVATAR_REFUSED),
        (
            sealed_by(KEY, avatar=b"\x89PNG\r\n\x1a\n".ljust(17_000)),
            RejectionReason.PROFILE_AVATAR_REFUSED,
        ),
    ],
)
def test_what_is_refused_has_its_reason(sealed: bytes, reason: RejectionReason) -> None:
    assert refusal(sealed) is reason


def test_a_record_ends_but_ours_is_read_for_ever() -> None:
    assert refusal(SEALED, LATER_NS) is RejectionReason.PROFILE_EXPIRED
    own, other = ProfileKey(KEY), ProfileKey(OTHER)
    assert own.open(SEALED, PEER, LATER_NS) is not None
    assert other.open(SEALED, PEER, LATER_NS) is None
    assert other.open(SEALED, PEER, NOW_NS) is not None
