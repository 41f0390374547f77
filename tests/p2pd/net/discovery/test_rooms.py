"""A room's place in the DHT is fixed: other implementations look there."""

from __future__ import annotations

import pytest
from libp2p.bitswap.cid import parse_cid

from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.net.discovery.rooms import cid_from_room, key_from_room


def test_the_default_room_is_where_the_contract_says() -> None:
    assert DEFAULT_ROOM == "chat-room"
    wanted = "bafkreibvjjixbnvap3fcvzraxmbkaanl4dr7cjap6yvawbpqg6hktlxk5a"
    assert cid_from_room(DEFAULT_ROOM) == wanted


@pytest.mark.parametrize("room", ["chat-room", "a", "møterom", "部屋", "x" * 256])
def test_key_is_the_multihash_of_the_cid(room: str) -> None:
    cid = parse_cid(cid_from_room(RoomName(room)))
    assert bytes(cid.multihash) == key_from_room(RoomName(room))
