from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.browser import (
    AcceptInviteAsked,
    Close,
    ConnectAsked,
    Connection,
    CreateInviteAsked,
    Event,
    Greeted,
    HistoryAsked,
    JoinAsked,
    LeaveAsked,
    Limits,
    PublishAsked,
    Refused,
)
from gateway.browser.machine import State
from gateway.browser.people import (
    GetProfileAsked,
    ListProfilesAsked,
    SetPetnameAsked,
    SetProfileAsked,
)

LIMITS = Limits(rate_per_s=10, burst=20, error_burst=5, errors_per_s=1, refusal_burst=30)


def receive(connection: Connection, frame: object, now_s: float = 0.0) -> Event | None:
    return connection.receive_text(orjson.dumps(frame), now_s)


def refusal_of(event: Event | None) -> tuple[object, str, str | None]:
    assert isinstance(event, Refused)
    return event.id, event.refusal.reason, event.refusal.field


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"type": "hello"}, Greeted(None, frozenset())),
        ({"type": "hello", "after": None, "rooms": None}, Greeted(None, frozenset())),
        ({"type": "hello", "after": "", "rooms": []}, Greeted("", frozenset())),
        ({"type": "hello", "after": "c-1", "rooms": ["a", "b"]}, Greeted("c-1", frozenset("ab"))),
        ({"type": "publish", "id": 1, "text": "x"}, PublishAsked(1, "", "x", "")),
        (
            {"type": "publish", "id": "i", "room": "r", "text": "", "client_message_id": "m"},
            PublishAsked("i", "r", "", "m"),
        ),
        ({"type": "connect", "id": 0, "address": "/ip4"}, ConnectAsked(0, "/ip4")),
        ({"type": "create_invite", "id": 0, "room": "r"}, CreateInviteAsked(0, "r")),
        ({"type": "create_invite", "id": 0}, CreateInviteAsked(0, "")),
        (
            {"type": "set_profile", "id": 0, "name": "A", "avatar": "/wA="},
            SetProfileAsked(0, "A", "", "", b"\xff\x00"),
        ),
        ({"type": "get_profile", "id": 0}, GetProfileAsked(0, "")),
        ({"type": "list_profiles", "id": 0, "page_token": "t"}, ListProfilesAsked(0, "t")),
        ({"type": "set_petname", "id": 0, "peer_id": "p"}, SetPetnameAsked(0, "p", "")),
        ({"type": "accept_invite", "id": 0, "invite": "wsp:A"}, AcceptInviteAsked(0, "wsp:A")),
        ({"type": "join", "id": 1, "room": "r"}, JoinAsked(1, "r")),
        ({"type": "leave", "id": 1, "room": "r"}, LeaveAsked(1, "r")),
        ({"type": "history", "id": 1}, HistoryAsked(1, "", None, 0)),
        (
            {"type": "history", "id": 1, "room": "r", "before": "c", "limit": 9},
            HistoryAsked(1, "r", "c", 9),
        ),
    ],
)
def test_a_frame_becomes_what_it_asks_for(frame: object, expected: Event) -> None:
    assert receive(Connection(LIMITS), frame) == expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ([], (None, "INVALID_JSON", None)),
        ("x", (None, "INVALID_JSON", None)),
        ({}, (None, "UNKNOWN_TYPE", "type")),
        ({"type": "shout", "id": 4}, (4, "UNKNOWN_TYPE", "type")),
        ({"type": ["hello"], "id": 4}, (4, "UNKNOWN_TYPE", "type")),
        ({"type": "publish", "text": "x"}, (None, "INVALID_FRAME", "id")),
        ({"type": "publish", "id": True, "text": "x"}, (None, "INVALID_FRAME", "id")),
        ({"type": "publish", "id": 1.5, "text": "x"}, (None, "INVALID_FRAME", "id")),
        ({"type": "publish", "id": 2**53, "text": "x"}, (None, "INVALID_FRAME", "id")),
        ({"type": "publish", "id": "i" * 129, "text": "x"}, (None, "INVALID_FRAME", "id")),
        ({"type": "publish", "id": 1}, (1, "INVALID_FRAME", "text")),
        ({"type": "publish", "id": 1, "text": 5}, (1, "INVALID_FRAME", "text")),
        ({"type": "publish", "id": 1, "text": "", "room": 7}, (1, "INVALID_FRAME", "room")),
        ({"type": "connect", "id": 1}, (1, "INVALID_FRAME", "address")),
        ({"type": "set_profile", "id": 1, "avatar": "?"}, (1, "INVALID_FRAME", "avatar")),
        ({"type": "set_petname", "id": 1}, (1, "INVALID_FRAME", "peer_id")),
        ({"type": "accept_invite", "id": 1}, (1, "INVALID_FRAME", "invite")),
        ({"type": "accept_invite", "id": 1, "invite": "x" * 4097}, (1, "INVALID_FRAME", "invite")),
        ({"type": "connect", "id": 1, "address": "a" * 1025}, (1, "INVALID_FRAME", "address")),
        ({"type": "join", "id": 1, "room": "r" * 257}, (1, "INVALID_FRAME", "room")),
        ({"type": "history", "id": 1, "limit": 0}, (1, "INVALID_FRAME", "limit")),
        ({"type": "history", "id": 1, "limit": True}, (1, "INVALID_FRAME", "limit")),
        ({"type": "history", "id": 1, "before": 3}, (1, "INVALID_FRAME", "before")),
        ({"type": "hello", "after": 3}, (None, "INVALID_FRAME", "after")),
        ({"type": "hello", "rooms": "r"}, (None, "INVALID_FRAME", "rooms")),
        ({"type": "hello", "rooms": [""]}, (None, "INVALID_FRAME", "rooms")),
        ({"type": "hello", "rooms": ["r"] * 257}, (None, "INVALID_FRAME", "rooms")),
    ],
)
def test_a_broken_frame_is_refused_by_field_and_the_connection_stays(
    frame: object, expected: tuple[object, str, str | None]
) -> None:
    connection = Connection(LIMITS)
    assert refusal_of(receive(connection, frame)) == expected
    assert receive(connection, {"type": "hello"}) == Greeted(None, frozenset())


def test_text_that_is_no_json_is_refused() -> None:
    assert refusal_of(Connection(LIMITS).receive_text(b"{", 0.0)) == (None, "INVALID_JSON", None)


def test_half_a_surrogate_is_refused_since_no_node_could_take_it() -> None:
    event = Connection(LIMITS).receive_text(b'{"type":"publish","id":1,"text":"\\ud800"}', 0.0)
    assert refusal_of(event) == (None, "INVALID_JSON", None)


def test_text_that_is_not_utf_8_closes() -> None:
    connection = Connection(LIMITS)
    assert connection.receive_text(b'{"\xff', 0.0) == Close(1007, "text that is not UTF-8")
    assert connection.state is State.CLOSED


def test_binary_is_refused_and_the_connection_stays() -> None:
    connection = Connection(LIMITS)
    assert refusal_of(connection.receive_binary(0.0)) == (None, "TEXT_ONLY", None)
    assert connection.state is State.OPEN


def test_a_second_hello_is_refused() -> None:
    connection = Connection(LIMITS)
    receive(connection, {"type": "hello"})
    assert refusal_of(receive(connection, {"type": "hello"})) == (None, "ALREADY_GREETED", None)
    assert connection.state is State.GREETED


def test_over_the_rate_is_refused_by_name_with_the_time_to_wait() -> None:
    connection = Connection(LIMITS)
    publish = {"type": "publish", "id": 1, "text": "x"}
    taken = [receive(connection, publish) for _ in range(20)]
    assert all(isinstance(event, PublishAsked) for event in taken)
    event = receive(connection, publish)
    assert isinstance(event, Refused)
    assert (event.id, event.refusal.code) == (1, "RESOURCE_EXHAUSTED")
    assert event.refusal.retry_after_ms is not None
    assert 90 <= event.refusal.retry_after_ms <= 110
    later_s = event.refusal.retry_after_ms / 1000
    assert isinstance(receive(connection, publish, later_s), PublishAsked)


def test_a_burst_of_a_page_is_refused_one_by_one_and_not_closed() -> None:
    connection = Connection(Limits())
    events = [receive(connection, {"type": "join", "id": n}, n / 1e5) for n in range(2000)]
    assert [type(event) for event in events] == [JoinAsked] * 100 + [Refused] * 1900
    assert [event.id for event in events if isinstance(event, Refused)] == [*range(100, 2000)]


def test_lasting_abuse_closes_with_1008_and_nothing_comes_after() -> None:
    connection = Connection(LIMITS)
    events = [receive(connection, {"type": "nonsense"}) for _ in range(6)]
    assert [type(event) for event in events] == [Refused] * 5 + [Close]
    assert events[-1] == Close(1008, "too many broken frames")
    assert receive(connection, {"type": "hello"}) is None
    assert connection.receive_binary(0.0) is None


def test_staying_over_the_rate_closes_with_1008() -> None:
    connection = Connection(LIMITS)
    events = [receive(connection, {"type": "join", "id": 1}) for _ in range(51)]
    assert events[-1] == Close(1008, "over the rate for too long")


def test_broken_frames_now_and_then_are_forgiven() -> None:
    connection = Connection(LIMITS)
    for second in range(200):
        assert isinstance(receive(connection, {"type": "nonsense"}, second), Refused)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["type", "id", "room", "rooms", "text", "after", "before", "limit", "address"]
)
KINDS = st.sampled_from(["hello", "publish", "connect", "join", "leave", "history", "other"])
FRAMES = st.dictionaries(NAMES, JSON, max_size=6) | st.builds(
    lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(NAMES, JSON, max_size=6)
)


@given(st.lists(st.one_of(FRAMES.map(orjson.dumps), st.binary(max_size=40)), max_size=40))
def test_whatever_comes_every_message_has_one_answer_until_the_close(
    payloads: list[bytes],
) -> None:
    connection = Connection(LIMITS)
    closed = False
    greeted = 0
    for payload in payloads:
        event = connection.receive_text(payload, 0.0)
        assert (event is None) == closed
        closed = closed or isinstance(event, Close)
        greeted += isinstance(event, Greeted)
    assert greeted <= 1
    assert closed == (connection.state is State.CLOSED)


@given(FRAMES)
def test_an_answer_carries_the_id_of_its_frame(frame: dict[str, Any]) -> None:
    event = receive(Connection(LIMITS), frame)
    given_id = frame.get("id")
    if isinstance(event, Refused):
        assert event.id is None or event.id == given_id
    elif event is not None and not isinstance(event, Greeted | Close):
        assert event.id == given_id
