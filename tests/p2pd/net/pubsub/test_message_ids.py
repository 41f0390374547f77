"""An id is the same message's in the specification's form and in that of js-libp2p."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.crypto import ed25519, rsa, secp256k1
from libp2p.crypto.keys import KeyPair
from libp2p.peer.id import ID

from p2pd.net.pubsub.message_ids import all_forms, canonical_id

SEQNO = bytes(range(8))
KEYS = {
    "ed25519": ed25519.create_new_key_pair(),
    "secp256k1": secp256k1.create_new_key_pair(),
    "rsa": rsa.create_new_key_pair(2048),
}


@pytest.mark.parametrize("key_pair", KEYS.values(), ids=list(KEYS))
def test_the_form_of_js_is_translated(key_pair: KeyPair) -> None:
    spec = ID.from_pubkey(key_pair.public_key).to_bytes() + SEQNO
    js = key_pair.public_key.serialize() + SEQNO
    assert canonical_id(js) == spec
    assert canonical_id(spec) == spec


@pytest.mark.parametrize("kind", ["ed25519", "secp256k1"])
def test_a_message_is_named_in_both_forms(kind: str) -> None:
    key_pair = KEYS[kind]
    spec = ID.from_pubkey(key_pair.public_key).to_bytes() + SEQNO
    assert all_forms(spec) == [spec, key_pair.public_key.serialize() + SEQNO]


@given(st.binary(max_size=300))
def test_any_bytes_have_a_form_that_stays(wire_id: bytes) -> None:
    assert canonical_id(canonical_id(wire_id)) == canonical_id(wire_id)
    assert all_forms(wire_id)[0] == wire_id
