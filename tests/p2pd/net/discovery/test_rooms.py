"""A room's place in the DHT is fixed: other implementations look there."""

from __future__ import annotations

import pytest
from libp2p.bitswap.cid import compute_cid_v1, parse_cid

from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.net.discovery.rooms import key_from_room


def test_the_default_room_is_where_the_contract_says() -> None:
    assert DEFAULT_ROOM == "chat-room"
    cid = parse_cid("bafkreibvjjixbnvap3fcvzraxmbkaanl4dr7cjap6yvawbpqg6hktlxk5a")
    assert bytes(cid.multihash) == key_from_room(DEFAULT_ROOM)


@pytest.mark.parametrize("room", ["chat-room", "a", "møterom", "部屋", "x" * 256])
def test_key_is_the_multihash_of_the_cid(room: str) -> None:
    cid = compute_cid_v1(room.encode("utf-8"))
    assert bytes(parse_cid(cid).multihash) == key_from_room(RoomName(room))
