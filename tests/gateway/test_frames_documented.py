"""The frames of /ws and ``docs/asyncapi.yaml`` say the same, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from codegen import asyncapi
from codegen.shapes import contract_from_proto
from gateway.browser import Close, Connection, Limits, Refused
from gateway.node.translation import BODIES, event_from_proto
from tests.driver import NodeProcess
from tests.driver.direct import send_direct
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.waiting import wait_until
from tests.gateway.client import EVENTS, Client

DOCUMENT: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text("utf-8")
)
MESSAGES = DOCUMENT["components"]["messages"]
GENEROUS = Limits(rate_per_s=1e9, burst=10**9, error_burst=10**9)


def of_operation(name: str) -> list[str]:
    return [one["$ref"].rpartition("/")[2] for one in DOCUMENT["operations"][name]["messages"]]


FROM_BROWSER = of_operation("receiveFromBrowser")
TO_BROWSER = of_operation("sendToBrowser")


def schema_of(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        {"$ref": f"#/components/messages/{name}/payload", "components": DOCUMENT["components"]}
    )


SCHEMAS = {name: schema_of(name) for name in MESSAGES}


def assert_documented(frame: dict[str, Any]) -> None:
    problems = [error.message for error in SCHEMAS[frame["type"]].iter_errors(frame)]
    assert not problems, (frame, problems)


def test_the_document_is_whole() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT["channels"]["ws"]["messages"]) == set(MESSAGES)
    assert set(FROM_BROWSER) | set(TO_BROWSER) == set(MESSAGES)
    for name, message in MESSAGES.items():
        Draft202012Validator.check_schema(message["payload"])
        assert message["payload"]["properties"]["type"] == {"const": name}
    for reference in references_in(DOCUMENT):
        assert found_at(reference), reference


def test_generated_parts_of_the_document_are_those_of_the_proto() -> None:
    contract = contract_from_proto(asyncapi.ROOT / "proto")
    text = asyncapi.DOCUMENT.read_text("utf-8")
    assert asyncapi.document(text, contract) == text, "run: make asyncapi"


def references_in(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [one for value in part.values() for one in references_in(value)]
    if isinstance(part, list):
        return [one for value in part for one in references_in(value)]
    return []


def found_at(reference: str) -> object:
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def test_every_event_of_the_api_is_documented_under_its_own_name() -> None:
    oneof = chat_pb2.Event.DESCRIPTOR.oneofs_by_name["event"]
    names = {field.name for field in oneof.fields}
    assert names == set(BODIES) == EVENTS
    assert names == set(TO_BROWSER) - {"ack", "error", "node_state"}


@pytest.mark.parametrize("name", FROM_BROWSER)
def test_documented_examples_are_taken(name: str) -> None:
    for example in MESSAGES[name]["examples"]:
        SCHEMAS[name].validate(example["payload"])
        event = Connection(GENEROUS).receive_text(orjson.dumps(example["payload"]), 0.0)
        assert not isinstance(event, Refused | Close)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.sampled_from([0, -1, 2**53 - 1, 2**53, "", "i" * 128, "i" * 129, None, True, [], 0.5]),
    "room": st.sampled_from(["", "r", "r" * 256, "r" * 257, None, 3]),
    "rooms": st.sampled_from([[], ["r"], ["r"] * 256, ["r"] * 257, [""], [1], None, "r", {}]),
    "text": st.sampled_from(["", "x", None, 1]),
    "client_message_id": st.sampled_from(["", "m" * 128, "m" * 129, None, 1]),
    "invite": st.sampled_from(["", "wsp:", "a" * 4096, "a" * 4097, None, 1]),
    "address": st.sampled_from(["", "/ip4", "a" * 1024, "a" * 1025, None, 1]),
    "after": st.sampled_from(["", "c", "c" * 256, "c" * 257, None, 1]),
    "before": st.sampled_from(["", "c", "c" * 256, "c" * 257, None, 1]),
    "limit": st.sampled_from([0, 1, 1000, 1001, -1, None, True, "1", 1.5]),
    "name": st.sampled_from(["", "n" * 256, "n" * 257, None, 1]),
    "about": st.sampled_from(["", "a" * 512, "a" * 513, None, 1]),
    "color": st.sampled_from(["", "#0080ff", "#0080ff0", None, 1]),
    "avatar": st.sampled_from(["", "AAAA", "AAA=", "A", "AA==A", "ä", "A" * 21_852, None, 1]),
    "petname": st.sampled_from(["", "n" * 256, "n" * 257, None, 1]),
    "reader": st.sampled_from(["", "r" * 64, "r" * 65, None, 1]),
    "cursor": st.sampled_from(["", "c" * 256, "c" * 257, None, 1]),
    "peer_id": st.sampled_from(["", "p" * 128, "p" * 129, None, 1]),
    "page_size": st.sampled_from([0, 1000, 1001, -1, None, True, "1", 1.5]),
    "is_hidden": st.sampled_from([True, False, None, 1]),
    "is_muted": st.sampled_from([True, False, None, 1]),
    "forget": st.sampled_from([True, False, None, 1]),
    "page_token": st.sampled_from(["", "t" * 1024, "t" * 1025, None, 1]),
    "message_id": st.sampled_from(["", "m" * 256, "m" * 257, None, 1]),
    "query": st.sampled_from(["", "q" * 512, "q" * 513, None, 1]),
    "author_id": st.sampled_from(["", "p" * 128, "p" * 129, None, 1]),
    "since": st.sampled_from(["2026-01-02T03:04:05Z", "2026-01-02", "", None, 1]),
    "until": st.sampled_from(["2026-01-02T03:04:05.678Z", "soon", None, 1]),
    "other": st.sampled_from([None, 1, "x"]),
}


@pytest.mark.parametrize("name", FROM_BROWSER)
def test_what_is_documented_is_taken_and_nothing_else(name: str) -> None:
    @given(st.fixed_dictionaries({}, optional=VALUES))
    def agree(fields: dict[str, Any]) -> None:
        frame = {"type": name, **fields}
        event = Connection(GENEROUS).receive_text(orjson.dumps(frame), 0.0)
        assert isinstance(event, Refused) != SCHEMAS[name].is_valid(frame)

    agree()


def test_a_documented_field_is_one_the_code_knows() -> None:
    known = set(VALUES) | {"type"}
    for name in FROM_BROWSER:
        assert set(MESSAGES[name]["payload"]["properties"]) <= known


def proto_values(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values of one protobuf field, such as a node could tell."""
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.message_type is not None:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return st.builds(
                lambda cls, seconds, nanos: cls(seconds=seconds, nanos=nanos),
                st.just(GetMessageClass(field.message_type)),
                st.integers(0, 2**33),
                st.integers(0, 10**9 - 1),
            )
        if field.message_type.full_name == "google.protobuf.Duration":
            return st.builds(
                lambda cls, seconds: cls(seconds=seconds, nanos=5),
                st.just(GetMessageClass(field.message_type)),
                st.integers(0, 100),
            )
        return proto_messages(GetMessageClass(field.message_type))
    if field.name == "message_id":
        return st.sampled_from(["00ff", "ab" * 20])
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.text(min_size=1, max_size=5)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=5)
    return st.integers(1, 2**32 - 1)


def proto_messages(cls: Any) -> st.SearchStrategy[Any]:
    """Messages with every field that is always told, and some of the others."""
    always: dict[str, st.SearchStrategy[Any]] = {}
    sometimes: dict[str, st.SearchStrategy[Any]] = {}
    choices: dict[str, list[dict[str, st.SearchStrategy[Any]]]] = {}
    for field in cls.DESCRIPTOR.fields:
        values = proto_values(field)
        if field.is_repeated:
            values = st.lists(values, max_size=2)
        oneof = field.containing_oneof
        if oneof is not None and not oneof.name.startswith("_"):
            choices.setdefault(oneof.name, []).append({field.name: values})
        else:
            is_optional = oneof is not None or field.name == "client_message_id"
            (sometimes if is_optional else always)[field.name] = values
    parts = [st.fixed_dictionaries(always, optional=sometimes)]
    parts += [st.one_of([st.fixed_dictionaries(each) for each in one]) for one in choices.values()]
    return st.tuples(*parts).map(
        lambda found: cls(**{k: v for one in found for k, v in one.items()})
    )


@given(proto_messages(chat_pb2.Event))
def test_whatever_a_node_tells_becomes_a_documented_frame(event: chat_pb2.Event) -> None:
    told = event_from_proto(event)
    assert told is not None
    assert_documented(orjson.loads(orjson.dumps(told.fields)))


def test_frames_of_a_running_gateway_are_documented_and_documented_frames_occur(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    a, b = start_node("a"), start_node("b")
    gateway = start_gateway(a, message_rate=1000)
    gateway.wait_node_reachable()
    with Client(gateway.ws_url) as client:
        client.hello(after="another-log")
        accept_stranger(client, a, start_node("c", rooms="apart"))
        tell_everything(client, a, b)
        client.say("publish", text="without an id")
        client.wait_frame(lambda frame: frame["type"] == "error" and frame["id"] is None)
    kinds = {frame["type"] for frame in client.frames}
    for frame in client.frames:
        assert_documented(frame)
    assert kinds == set(TO_BROWSER) - {"progress"}  # at most every 15 s
    answers = {
        frozenset(frame) - {"type", "id"} for frame in client.frames if frame["type"] == "ack"
    }
    assert answers == {
        frozenset(one.get("required", ())) for one in MESSAGES["ack"]["payload"]["oneOf"]
    }


def accept_stranger(client: Client, node: NodeProcess, stranger: NodeProcess) -> None:
    """Accept the conversation with a peer that the node has never met."""
    stranger.connect(node)
    send_direct(stranger, node.peer_id, "hello")
    wait_until(lambda: client.ask("list_direct_requests")["requests"])
    client.ask("accept_direct", peer_id=stranger.peer_id)


def tell_everything(client: Client, a: NodeProcess, b: NodeProcess) -> None:
    """Have every kind of frame sent."""
    client.ask("connect", address=b.address)
    client.wait_frame(lambda frame: frame["type"] == "peer_joined")
    invite = client.ask("create_invite")["invite"]
    client.ask("accept_invite", invite=invite)
    with b.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        line = stub.CreateInvite(chat_pb2.CreateInviteRequest()).invite
    client.ask("accept_invite", invite=line)
    client.ask("set_profile", name="Ada")
    client.ask("get_profile")
    client.ask("list_profiles")
    client.ask("set_petname", peer_id=b.peer_id, petname="Bob")
    client.wait_frame(lambda frame: frame["type"] == "profile_changed")
    client.ask("publish", text="x" * 40_000)
    client.ask("publish", text="x")
    client.ask("history")
    client.ask("list_conversations", reader="me")
    client.ask("set_read_marker", reader="me", cursor=client.cursor)
    client.wait_frame(lambda frame: frame["type"] == "read_marker_changed")
    client.ask("search_messages", query="x")
    client.ask("join", room="dogs")
    client.ask("forget_room", room="dogs")
    client.ask("get_message", message_id=client.wait_text("x")["message_id"])
    client.wait_frame(lambda frame: frame["type"] == "message_delivery")
    client.ask("join", room="cats")
    client.ask("leave", room="cats")
    client.wait_frame(lambda frame: frame["type"] == "node_changed")
    client.ask("hide_message", message_id="00ab" * 11)
    client.ask("mute_room")
    client.wait_frame(lambda frame: frame["type"] == "room_muted")
    client.ask("list_blocked_peers")
    client.ask("unblock_peer", peer_id=b.peer_id)
    client.ask("disconnect_peer", peer_id=b.peer_id, forget=True)
    client.ask("block_peer", peer_id=b.peer_id)
    client.wait_frame(lambda frame: frame["type"] == "peer_blocked")
    b.stop(timeout_s=20)
    client.wait_frame(lambda frame: frame["type"] == "peer_disconnected")
    client.wait_frame(lambda frame: frame["type"] == "peer_left")
    a.kill()
    client.wait_frame(lambda frame: frame["type"] == "node_state")
