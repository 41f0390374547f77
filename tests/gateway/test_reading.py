"""Read state over a real node and two gateways: all pages of a reader agree."""

from __future__ import annotations

import random
from contextlib import ExitStack

import httpx
import pytest

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.fixtures import StartGateway
from tests.driver.seeds import chosen_seed
from tests.gateway.client import Client, Frame

STEPS = 60
MANY = 1_000_000
"""A rate that nobody reaches."""


class Person:
    """The model of one reader: cursors of what others said, and how far each room was read."""

    def __init__(self) -> None:
        self.said: dict[str, list[tuple[str, bool]]] = {"chat-room": [], "garden": []}
        """The cursor of each message of others, and whether it mentions this node."""
        self.read: dict[str, dict[str, int]] = {"me": {}, "you": {}}
        """How many of a room's messages each reader has read."""

    def counts(self, reader: str, room: str) -> tuple[int, int]:
        unread = self.said[room][self.read[reader].get(room, 0) :]
        return len(unread), sum(is_mention for _, is_mention in unread)


def counts_of(client: Client, reader: str) -> dict[str, tuple[int, int]]:
    answer = client.ask("list_conversations", reader=reader)
    assert answer["next_page_token"] is None
    return {
        one["room"]: (one["unread_count"], one["mention_count"]) for one in answer["conversations"]
    }


def test_unread_counts_agree_at_two_gateways_over_restarts(
    node_pair: tuple[NodeProcess, NodeProcess], start_gateway: StartGateway
) -> None:
    node, other = node_pair
    gateways = [start_gateway(node, message_rate=MANY) for _ in range(2)]
    author = start_gateway(other, message_rate=MANY)
    for gateway in (*gateways, author):
        gateway.wait_node_reachable()
    for each in (gateways[0], author):
        httpx.put(f"{each.url}/api/rooms/garden", timeout=30.0).raise_for_status()
    node.wait_peer(other, "garden")
    other.wait_peer(node, "garden")
    person, chance = Person(), random.Random(chosen_seed())
    with ExitStack() as stack:
        writer = stack.enter_context(Client(author.ws_url))
        pages = [stack.enter_context(Client(gateway.ws_url)) for gateway in gateways]
        for page in pages:
            page.hello()
        for step in range(STEPS):
            if step == STEPS // 2:
                node.kill()
                node.start()
                for gateway in gateways:
                    gateway.wait_node_reachable()
                node.wait_peer(other, "garden")
                other.wait_peer(node, "garden")
                other.wait_peer(node, "chat-room")
            act(step, chance, person, writer, pages, node)
            for reader in person.read:
                expected = {room: person.counts(reader, room) for room in person.said}
                for page in pages:
                    assert counts_of(page, reader) == expected


def act(
    step: int,
    chance: random.Random,
    person: Person,
    writer: Client,
    pages: list[Client],
    node: NodeProcess,
) -> None:
    """Say something, or read up to somewhere at one page, which the other is told of."""
    room = chance.choice(list(person.said))
    if chance.random() < 0.5 or not person.said[room]:
        is_mention = chance.random() < 0.4
        name = node.peer_id[-8:] if is_mention else "all"
        writer.ask("publish", room=room, text=f"{step} @{name}")
        seen = [page.wait_text(f"{step} @{name}") for page in pages]
        assert seen[0]["cursor"] == seen[1]["cursor"]
        person.said[room].append((seen[0]["cursor"], is_mention))
        return
    reader = chance.choice(list(person.read))
    count = chance.randint(0, len(person.said[room]))
    cursor = person.said[room][count - 1][0] if count else ""
    before = person.read[reader].get(room)
    known = [len(page.frames) for page in pages]
    page = chance.choice(pages)
    answer = page.ask("set_read_marker", reader=reader, room=room, cursor=cursor)
    person.read[reader][room] = count
    assert answer["type"] == "ack", answer
    assert (answer["unread_count"], answer["mention_count"]) == person.counts(reader, room)
    if before == count:
        return
    for each, length in zip(pages, known, strict=True):
        changed = wait_since(each, length)
        assert (changed["reader"], changed["room"]) == (reader, room)
        assert (changed["unread_count"], changed["mention_count"]) == person.counts(reader, room)
        assert not cursor or changed["read_cursor"] == cursor


def wait_since(page: Client, length: int) -> Frame:
    """Return the first change of a marker behind the frames known so far."""
    for frame in page.frames[length:]:
        if frame["type"] == "read_marker_changed":
            return frame
    return page.wait_next(lambda frame: frame["type"] == "read_marker_changed")


def test_curl_can_read_and_mark(gateway: GatewayProcess) -> None:
    sent = gateway.post("/api/rooms/chat-room/messages", {"text": "hi"}).json()
    (conversation,) = gateway.get("/api/conversations?reader=me").json()["conversations"]
    assert conversation["last_message"]["text"] == "hi"
    assert conversation["read_cursor"] is None
    marked = mark(gateway, {"reader": "me", "room": "chat-room", "cursor": sent["cursor"]})
    assert (marked.status_code, marked.json()) == (
        httpx.codes.OK,
        {"unread_count": 0, "mention_count": 0},
    )
    (conversation,) = gateway.get("/api/conversations?reader=me").json()["conversations"]
    assert conversation["read_cursor"] == sent["cursor"]


@pytest.mark.parametrize(
    "body",
    [
        {"reader": "", "cursor": ""},
        {"reader": "x" * 65, "cursor": ""},
        {"cursor": ""},
        {"reader": "me", "cursor": "nonsense"},
    ],
)
def test_a_marker_that_breaks_the_rules_is_refused(
    gateway: GatewayProcess, body: dict[str, str]
) -> None:
    assert mark(gateway, body).status_code == httpx.codes.BAD_REQUEST


def mark(gateway: GatewayProcess, body: dict[str, str]) -> httpx.Response:
    return httpx.put(f"{gateway.url}/api/read-markers", json=body, timeout=30.0)
