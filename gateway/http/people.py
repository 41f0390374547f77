"""The calls under /api about people: profiles, pictures and petnames.

Mounted by ``gateway.http.rest``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from starlette.requests import Request
from starlette.responses import Response
from wsp.chat.v1 import chat_models as answers

from gateway.errors import NodeError, Refusal
from gateway.http import models
from gateway.http.shapes import PageSize, PageToken, json_answer, no_content
from gateway.node.people import People

IMAGE_TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
AVATAR_POLICY = "default-src 'none'; sandbox"
NO_AVATAR = Refusal("NOT_FOUND", "NO_AVATAR", "The peer has no picture.")


def _check_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    return text


class ProfileBody(models.Strict):
    """What this node's person says of themselves; it takes the place of the one before."""

    name: Annotated[models.Text, Field(max_length=256)] = ""
    about: Annotated[models.Text, Field(max_length=512)] = ""
    color: Annotated[models.Text, Field(max_length=7)] = ""
    avatar: Annotated[str, Field(max_length=21_848), AfterValidator(_check_base64)] = ""


class PetnameBody(models.Strict):
    """What to call a peer at this node; empty for its own name."""

    petname: Annotated[models.Text, Field(max_length=256)] = ""


def add_people(router: APIRouter, people: People, consume: Callable[[Request], None]) -> None:
    """Add the routes.

    Args:
        consume: Counts a call of a caller's rate; raises where that is over.
    """
    _add_profiles(router, people, consume)
    _add_pictures(router, people, consume)
    _add_blocks(router, people, consume)
    _add_shown(router, people, consume)


def _add_profiles(router: APIRouter, people: People, consume: Callable[[Request], None]) -> None:
    @router.put("/profile", response_model=answers.SetProfileResponse)
    async def set_profile(body: ProfileBody, request: Request) -> Response:
        """Publish the profile of this node's person; `avatar` is base64.

        What is left out is empty afterwards.
        """
        consume(request)
        avatar = base64.b64decode(body.avatar)
        return json_answer(await people.set_profile(body.name, body.about, body.color, avatar))

    @router.get("/profile", response_model=answers.GetProfileResponse)
    async def get_own_profile() -> Response:
        """Return the profile of this node's person, with its picture."""
        return json_answer(await people.get_profile(""))

    @router.get("/profiles", response_model=answers.ListProfilesResponse)
    async def list_profiles(page_size: PageSize = 0, page_token: PageToken = "") -> Response:
        """List every profile and petname that is known, without pictures, in pages."""
        return json_answer(await people.list_profiles(page_size=page_size, page_token=page_token))

    @router.get("/peers/{peer_id}/profile", response_model=answers.GetProfileResponse)
    async def get_profile(peer_id: models.Text, request: Request) -> Response:
        """Return what is known of a peer, with its picture; one not known yet is asked for."""
        consume(request)
        return json_answer(await people.get_profile(peer_id))

    @router.put("/peers/{peer_id}/petname", response_model=answers.SetPetnameResponse)
    async def set_petname(peer_id: models.Text, body: PetnameBody, request: Request) -> Response:
        """Call a peer by another name at this node only."""
        consume(request)
        return json_answer(await people.set_petname(peer_id, body.petname))


def _add_pictures(router: APIRouter, people: People, consume: Callable[[Request], None]) -> None:
    @router.get(
        "/peers/{peer_id}/avatar",
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in sorted(IMAGE_TYPES)}}},
    )
    async def get_avatar(peer_id: models.Text, request: Request) -> Response:
        """Return a peer's picture: a PNG, JPEG or WebP by its first bytes."""
        consume(request)
        avatar = await people.get_avatar(peer_id)
        if avatar is None or avatar.media_type not in IMAGE_TYPES:
            raise NodeError(NO_AVATAR)
        headers = {"content-security-policy": AVATAR_POLICY, "cache-control": "private, no-cache"}
        return Response(avatar.data, headers=headers, media_type=avatar.media_type)


def _add_blocks(router: APIRouter, people: People, consume: Callable[[Request], None]) -> None:
    @router.delete("/peers/{peer_id}", status_code=HTTPStatus.NO_CONTENT)
    async def disconnect_peer(
        peer_id: models.Text, request: Request, forget: Annotated[bool, Query()] = False
    ) -> Response:
        """Close the connections to a peer, and dial it no more until it is connected to again.

        `forget` drops its addresses, profile and petname as well.
        """
        consume(request)
        await people.disconnect(peer_id, forget=forget)
        return no_content()

    @router.get("/blocked", response_model=answers.ListBlockedPeersResponse)
    async def list_blocked_peers(page_size: PageSize = 0, page_token: PageToken = "") -> Response:
        """List the blocked peers, in pages."""
        return json_answer(await people.list_blocked(page_size=page_size, page_token=page_token))

    @router.put("/blocked/{peer_id}", status_code=HTTPStatus.NO_CONTENT)
    async def block_peer(peer_id: models.Text, request: Request) -> Response:
        """Refuse every connection with a peer, and store and show nothing of it."""
        consume(request)
        await people.block(peer_id)
        return no_content()

    @router.delete("/blocked/{peer_id}", status_code=HTTPStatus.NO_CONTENT)
    async def unblock_peer(peer_id: models.Text, request: Request) -> Response:
        """Admit a peer again; what is stored of it is shown again."""
        consume(request)
        await people.unblock(peer_id)
        return no_content()


def _add_shown(router: APIRouter, people: People, consume: Callable[[Request], None]) -> None:
    @router.put("/hidden/{message_id}", status_code=HTTPStatus.NO_CONTENT)
    async def hide_message(message_id: models.Text, request: Request) -> Response:
        """Show a message to nobody at this node; others see it as before."""
        consume(request)
        await people.hide_message(message_id, is_hidden=True)
        return no_content()

    @router.delete("/hidden/{message_id}", status_code=HTTPStatus.NO_CONTENT)
    async def show_message(message_id: models.Text, request: Request) -> Response:
        """Show a hidden message again."""
        consume(request)
        await people.hide_message(message_id, is_hidden=False)
        return no_content()

    @router.put("/rooms/{room:rooms}/muted", status_code=HTTPStatus.NO_CONTENT)
    async def mute_room(room: models.Text, request: Request) -> Response:
        """Want no notice of what is said in a joined room."""
        consume(request)
        await people.mute_room(room, is_muted=True)
        return no_content()

    @router.delete("/rooms/{room:rooms}/muted", status_code=HTTPStatus.NO_CONTENT)
    async def unmute_room(room: models.Text, request: Request) -> Response:
        """Want notice of what is said in a room again."""
        consume(request)
        await people.mute_room(room, is_muted=False)
        return no_content()
