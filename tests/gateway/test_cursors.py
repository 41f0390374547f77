"""Cursors that this node never gave out, on every door: refused or reported, never a failure.

A page is refused a cursor that cannot be one. A reader of events is never refused: it
gets a gap and the log from its beginning, so that a program with a damaged cursor goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.fixtures import stop_all
from tests.gateway.client import Client

CALL_S = 30
TEXTS = ["one", "two", "three"]
Direction = Literal["before", "after"]

MALFORMED = (
    "nonsense",
    "-",
    "-1",
    "0",
    "{epoch}",
    "{epoch}-",
    "{epoch}-2 ",
    " {epoch}-2",
    "{epoch}-2\n",
    "{epoch}-+2",
    "{epoch}-0x2",
    "{epoch}--2",
    "{epoch}-2-2",
    "{epoch}-" + "f" * 17,
    "{EPOCH}-2",
    "é{epoch}-2",
    "\x00",
    "x" * 256,
)
UNKNOWN = (
    "00000000-1",
    "00000000-0",
    "{epoch}-ff",
    "{epoch}-7fffffffffffffff",
    "{epoch}-8000000000000000",
    "{epoch}-" + "f" * 16,
)
"""Of another log, or of a place that this one has not reached."""


@dataclass(frozen=True, slots=True)
class Doors:
    """One node with three messages, and what leads to it."""

    stub: chat_pb2_grpc.ChatServiceStub
    gateway: GatewayProcess
    epoch: str

    def cursor(self, form: str) -> str:
        return form.format(epoch=self.epoch, EPOCH="ABCDEFAB")

    def page(self, direction: Direction, cursor: str) -> chat_pb2.ListMessagesResponse:
        request = chat_pb2.ListMessagesRequest(room="chat-room")
        setattr(request, direction, cursor)
        answer: chat_pb2.ListMessagesResponse = self.stub.ListMessages(request, timeout=CALL_S)
        return answer

    def rest_page(self, direction: Direction, cursor: str) -> httpx.Response:
        url = f"{self.gateway.url}/api/rooms/chat-room/messages"
        return httpx.get(url, params={direction: cursor}, timeout=CALL_S)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    directory: Path = tmp_path_factory.mktemp("cursors")
    node = NodeProcess("node", directory)
    node.start()
    gateway = GatewayProcess("gateway", directory, node.grpc_address)
    try:
        gateway.start()
        gateway.wait_node_reachable()
        epoch = [node.publish(text).cursor for text in TEXTS][-1].partition("-")[0]
        with node.open_channel() as channel:
            yield Doors(chat_pb2_grpc.ChatServiceStub(channel), gateway, epoch)
    finally:
        stop_all([gateway, node])


def reason_of(error: grpc.RpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        detail.Unpack(info)
    return str(info.reason)


@pytest.mark.parametrize("direction", ["before", "after"])
@pytest.mark.parametrize("form", MALFORMED)
def test_a_page_at_a_malformed_cursor_is_refused(
    doors: Doors, form: str, direction: Direction
) -> None:
    cursor = doors.cursor(form)
    with pytest.raises(grpc.RpcError) as caught:
        doors.page(direction, cursor)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(caught.value) == "INVALID_CURSOR"
    answer = doors.rest_page(direction, cursor)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert (answer.json()["reason"], answer.json()["field"]) == ("INVALID_CURSOR", direction)


@pytest.mark.parametrize("direction", ["before", "after"])
@pytest.mark.parametrize("form", UNKNOWN)
def test_a_page_at_an_unknown_cursor_tells_of_a_gap(
    doors: Doors, form: str, direction: Direction
) -> None:
    cursor = doors.cursor(form)
    page = doors.page(direction, cursor)
    assert page.gap.reason == chat_pb2.GAP_REASON_UNKNOWN_CURSOR
    assert [event.message.text for event in page.messages] == TEXTS
    answer = doors.rest_page(direction, cursor).json()
    assert answer["gap"]["reason"] == "unknown_cursor"
    assert [one["text"] for one in answer["messages"]] == TEXTS


@pytest.mark.parametrize("form", MALFORMED + UNKNOWN)
def test_a_reader_of_events_gets_a_gap_and_the_whole_log(doors: Doors, form: str) -> None:
    call = doors.stub.Events(chat_pb2.EventsRequest(after=doors.cursor(form)), timeout=CALL_S)
    seen: list[chat_pb2.Event] = []
    for response in call:
        seen += response.events
        if seen[-1].HasField("caught_up"):
            break
    call.cancel()
    kinds = [event.WhichOneof("event") for event in seen]
    assert kinds == ["snapshot", "gap", "message", "message", "message", "caught_up"]
    assert seen[1].gap.reason == chat_pb2.GAP_REASON_UNKNOWN_CURSOR
    assert [event.message.text for event in seen[2:5]] == TEXTS


@pytest.mark.parametrize("form", MALFORMED + UNKNOWN)
def test_a_browser_gets_a_gap_and_the_whole_log(doors: Doors, form: str) -> None:
    with Client(doors.gateway.ws_url) as browser:
        browser.hello(after=doors.cursor(form))
        gap = browser.wait_frame(lambda frame: frame["type"] == "gap")
        assert gap["reason"] == "unknown_cursor"
        browser.wait_text(TEXTS[-1])
        assert browser.texts == TEXTS


def test_a_browsers_page_is_refused_or_tells_of_a_gap(doors: Doors) -> None:
    with Client(doors.gateway.ws_url) as browser:
        asked: dict[str, dict[str, Any]] = {
            form: browser.ask("history", room="chat-room", before=doors.cursor(form))
            for form in MALFORMED + UNKNOWN
        }
    refused = {form: answer.get("reason") for form, answer in asked.items() if form in MALFORMED}
    assert refused == dict.fromkeys(MALFORMED, "INVALID_CURSOR")
    gaps = {form: answer["gap"]["reason"] for form, answer in asked.items() if form in UNKNOWN}
    assert gaps == dict.fromkeys(UNKNOWN, "unknown_cursor")


def test_a_cursor_longer_than_any_is_refused_at_the_gateways_doors(doors: Doors) -> None:
    cursor = "x" * 257
    assert doors.rest_page("after", cursor).json()["reason"] == "INVALID_FIELD"
    with Client(doors.gateway.ws_url) as browser:
        answer = browser.ask("history", room="chat-room", before=cursor)
        assert (answer["type"], answer["code"]) == ("error", "INVALID_ARGUMENT")
        browser.say("hello", after=cursor)
        assert browser.wait_frame(lambda frame: frame["type"] == "error" and frame["id"] is None)
        browser.hello(after=None)
