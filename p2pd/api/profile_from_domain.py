"""Profiles between the domain and the API."""

from __future__ import annotations

from wsp.chat.v1 import chat_pb2

from p2pd.api.time_from_ns import timestamp_from_ns
from p2pd.domain.profiles import KnownProfile, Profile, profile_from_parts


def profile_from_domain(known: KnownProfile, *, with_avatar: bool = False) -> chat_pb2.Profile:
    """Translate what is known of a peer."""
    profile = known.profile
    target = chat_pb2.Profile(
        peer_id=known.peer_id,
        name=profile.name,
        about=profile.about,
        color=profile.color,
        avatar=profile.avatar if with_avatar else b"",
        avatar_type=profile.avatar_type,
        avatar_hash=profile.avatar_hash,
        petname=known.petname,
        lookalike_ids=known.lookalike_ids,
    )
    if known.update_time_ns is not None:
        target.update_time.CopyFrom(timestamp_from_ns(known.update_time_ns))
    if known.expire_time_ns is not None:
        target.expire_time.CopyFrom(timestamp_from_ns(known.expire_time_ns))
    return target


def profile_from_request(request: chat_pb2.SetProfileRequest) -> Profile:
    """Read a profile to publish.

    Raises:
        InvalidInputError: A field breaks the rules.
    """
    fields = request.profile
    return profile_from_parts(fields.name, fields.about, fields.color, fields.avatar)
