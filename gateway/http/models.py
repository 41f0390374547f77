"""The JSON of the calls under /api, for checking and for OpenAPI.

Bodies of requests are checked with these; answers are generated from the proto, as
``wsp.chat.v1.chat_models``.
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


class CreateInviteBody(Strict):
    """Which joined room to invite to; the default room where it is left out."""

    room: Annotated[Text, Field(max_length=256)] = ""


class AcceptInviteBody(Strict):
    """An invite: one line that begins with ``wsp:``."""

    invite: Annotated[Text, Field(min_length=1, max_length=4096)]


class ReadMarkerBody(Strict):
    """How far a reader has read: a room, the default one where it is left out, or a peer."""

    reader: Annotated[Text, Field(min_length=1, max_length=64)]
    room: Annotated[Text, Field(max_length=256)] = ""
    peer_id: Annotated[Text, Field(max_length=128)] = ""
    cursor: Annotated[Text, Field(max_length=256)]


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
