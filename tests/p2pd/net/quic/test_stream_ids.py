"""Streams of a peer are opened by what is sent on them, in any order, each once."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from p2pd.net.quic.stream_ids import RemoteStreamIds


@pytest.mark.parametrize("is_initiator", [True, False])
@given(order=st.permutations(range(12)))
def test_every_stream_of_the_peer_is_opened_once(is_initiator: bool, order: list[int]) -> None:
    ids = RemoteStreamIds(is_initiator=is_initiator)
    remote = [4 * number + (1 if is_initiator else 0) for number in order]
    assert all(ids.is_remote(each) for each in remote)
    assert not any(ids.is_remote(each ^ 1) for each in remote)
    assert [ids.open(each) for each in remote] == [True] * len(remote)
    assert not any(ids.open(each) for each in remote)
