"""The topics of a peer end with the last stream that announced them, and are bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2pd.net.pubsub.peer_topics import MAX_TOPICS, MAX_TOPICS_BYTES, PeerTopics


def test_a_topic_ends_with_the_last_stream_that_announced_it() -> None:
    topics = PeerTopics()
    for stream in (1, 2):
        assert topics.enter("both", stream)
    assert topics.enter("first only", 1)
    assert topics.end(1) == ["first only"]
    assert topics.names == {"both"}
    assert topics.end(2) == ["both"]


def test_number_and_bytes_are_bounded_and_given_back() -> None:
    many, long = PeerTopics(), PeerTopics()
    assert all(many.enter(str(number), 1) for number in range(MAX_TOPICS))
    assert all(long.enter(f"{number:0256}", 1) for number in range(MAX_TOPICS_BYTES // 256))
    for topics in (many, long):
        assert not topics.enter("one more", 1)
        topics.leave(next(iter(topics.names)))
        assert topics.enter("one more", 1)


@given(st.lists(st.tuples(st.sampled_from(["enter", "leave", "end"]), st.integers(0, 5))))
def test_what_is_left_is_what_open_streams_announced(steps: list[tuple[str, int]]) -> None:
    topics, expected = PeerTopics(), dict[str, set[int]]()
    for step, number in steps:
        topic, stream = f"topic {number}", number % 3
        match step:
            case "enter":
                topics.enter(topic, stream)
                expected.setdefault(topic, set()).add(stream)
            case "leave":
                topics.leave(topic)
                expected.pop(topic, None)
            case _:
                topics.end(stream)
                for streams in expected.values():
                    streams.discard(stream)
                expected = {name: streams for name, streams in expected.items() if streams}
        assert topics.names == expected.keys()
