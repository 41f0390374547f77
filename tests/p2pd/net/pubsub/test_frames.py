"""Frames are found wherever reads cut them, and messages leave an RPC as they came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.pubsub.pb import rpc_pb2

from p2pd.net.pubsub.frames import (
    FrameError,
    FrameReader,
    frame_from_message,
    frame_from_rpc,
    pack_rpcs,
    split_rpc,
    varint,
)

MAX_BYTES = 1_000


@given(st.lists(st.binary(max_size=300), max_size=20), st.lists(st.integers(1, 400)))
def test_frames_come_whole_however_the_reads_cut_them(bodies: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(varint(len(body)) + body for body in bodies)
    reader = FrameReader(MAX_BYTES)
    frames: list[bytes] = []
    for cut in [*cuts, len(wire)]:
        piece, wire = wire[:cut], wire[cut:]
        if piece:
            frames += reader.feed(piece)
    assert frames == bodies


@given(st.integers(0, 2**64 - 1))
def test_lengths_are_read_as_they_are_written(value: int) -> None:
    reader = FrameReader(MAX_BYTES)
    if value <= MAX_BYTES:
        assert reader.feed(varint(value) + bytes(value)) == [bytes(value)]
    else:
        with pytest.raises(FrameError, match="rpc_too_large"):
            reader.feed(varint(value))


def test_length_without_an_end_is_refused() -> None:
    reader = FrameReader(MAX_BYTES)
    assert reader.feed(b"\xff" * 9) == []
    with pytest.raises(FrameError, match="rpc_length_malformed"):
        reader.feed(b"\xff")


@given(
    st.lists(st.binary(max_size=100), max_size=5),
    st.lists(st.text(st.characters(codec="utf-8"), max_size=10), max_size=5),
)
def test_messages_are_taken_out_as_they_are(datas: list[bytes], topics: list[str]) -> None:
    messages = [rpc_pb2.Message(data=data, topicIDs=["room"]) for data in datas]
    subscriptions = [rpc_pb2.RPC.SubOpts(subscribe=True, topicid=topic) for topic in topics]
    rpc = rpc_pb2.RPC(publish=messages, subscriptions=subscriptions, senderRecord=b"record")
    taken, rest = split_rpc(rpc.SerializeToString())
    assert taken == [message.SerializeToString() for message in messages]
    rpc.ClearField("publish")
    assert rest == rpc.SerializeToString()


@given(st.binary(max_size=200))
def test_any_bytes_are_an_rpc_or_refused(junk: bytes) -> None:
    try:
        taken, rest = split_rpc(junk)
    except FrameError:
        return
    assert sum(map(len, taken)) + len(rest) <= len(junk)


def test_message_is_framed_without_being_encoded_again() -> None:
    message = rpc_pb2.Message(data=b"data", topicIDs=["room"]).SerializeToString()
    unusual = message[6:] + message[:6]
    assert frame_from_message(message) == frame_from_rpc(rpc_pb2.RPC(publish=[_parsed(message)]))
    [frame] = FrameReader(MAX_BYTES).feed(frame_from_message(unusual))
    assert split_rpc(frame) == ([unusual], b"")


def _parsed(encoded: bytes) -> rpc_pb2.Message:
    message = rpc_pb2.Message()
    message.ParseFromString(encoded)
    return message


@given(st.lists(st.integers(1, 250), max_size=600))
def test_packed_rpcs_fit_every_peer_and_lose_nothing(lengths: list[int]) -> None:
    topics = [f"{number:0{length}}" for number, length in enumerate(lengths)]
    parts = [
        rpc_pb2.RPC(control=rpc_pb2.ControlMessage(graft=[rpc_pb2.ControlGraft(topicID=topic)]))
        for topic in topics
    ]
    packed = pack_rpcs(parts)
    assert [graft.topicID for rpc in packed for graft in rpc.control.graft] == topics
    assert all(len(frame_from_rpc(rpc)) <= 65_536 for rpc in packed)
