"""The JSON of the calls under /api, for checking and for OpenAPI.

Answers are built by ``gateway.node.translation`` and only described here.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _check_unicode(text: str) -> str:
    """Refuse lone surrogates: JSON can write them, UTF-8 cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("not valid Unicode") from None
    return text


Text = Annotated[str, AfterValidator(_check_unicode)]
"""A string that can be sent."""


class Strict(BaseModel):
    """A body without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class PublishBody(Strict):
    """A message to send."""

    text: Text
    client_message_id: Annotated[Text, Field(max_length=128)] = ""


class ConnectBody(Strict):
    """Whom to dial: a multiaddr that ends in ``/p2p/ID``."""

    address: Annotated[Text, Field(min_length=1, max_length=1024)]


class Failure(BaseModel):
    """Why a call was refused."""

    code: str
    reason: str
    message: str
    field: str | None = None
    setting: str | None = None


class Health(BaseModel):
    """Whether the process, or its node, is there."""

    status: Literal["ok", "away"]
    problem: str | None = Field(None, description="Why the node is not reachable.")


class Connection(BaseModel):
    """The connection to a peer."""

    remote_address: str
    kind: Literal["direct", "relayed", "unknown"]
    transport: str
    direction: Literal["inbound", "outbound", "unknown"]
    open_time: str
    round_trip_ms: float | None


class Peer(BaseModel):
    """A connected peer."""

    peer_id: str
    addresses: list[str]
    agent: str
    protocols: list[str]
    rooms: list[str]
    connection: Connection | None


class Damage(BaseModel):
    """A message store of the node that was found damaged and set aside."""

    path: str
    reason: str
    time: str


class Storage(BaseModel):
    """How the node keeps its messages."""

    state: Literal["ok", "full", "failed", "unknown"]
    failure: str
    damages: list[Damage]


class Node(BaseModel):
    """The node behind this gateway."""

    peer_id: str
    addresses: list[str]
    agent: str
    rooms: list[str]
    reachability: Literal["public", "private", "unknown"]
    version: str
    max_message_bytes: int
    start_time: str
    storage: Storage


class Peers(BaseModel):
    """A page of the connected peers; ``next_page_token`` is null at its end."""

    peers: list[Peer]
    next_page_token: str | None


class Room(BaseModel):
    """A joined room."""

    name: str
    peer_count: int
    message_count: int


class Rooms(BaseModel):
    """A page of the joined rooms; ``next_page_token`` is null at its end."""

    rooms: list[Room]
    next_page_token: str | None


class Message(BaseModel):
    """A stored message; either ``text`` or, where it is not UTF-8, ``data`` in base64."""

    type: Literal["message"]
    cursor: str
    time: str
    message_id: str
    room: str
    author_id: str
    text: str | None = None
    data: str | None = None
    send_time: str | None
    receive_time: str
    forwarder_id: str
    delivery: Literal["live", "backfilled", "unknown"]
    client_message_id: str | None = None


class Gap(BaseModel):
    """Messages that are missing before a page."""

    reason: Literal["expired", "unknown_cursor", "unknown"]
    missing: int


class Page(BaseModel):
    """A page of a room, oldest first."""

    messages: list[Message]
    next_cursor: str | None
    gap: Gap | None


class Published(BaseModel):
    """The node owns the message."""

    message_id: str
    cursor: str
    recipients: int


class Joined(BaseModel):
    """The room that was joined."""

    room: Room


class Connected(BaseModel):
    """The peer that was dialled."""

    peer: Peer
