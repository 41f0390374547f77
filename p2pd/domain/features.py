"""The names by which a program finds out what this node can do; see ``Node.features``."""

from __future__ import annotations

FEATURES = (
    "accept_invite",
    "block_peer",
    "caught_up",
    "create_invite",
    "direct_messages",
    "disconnect_peer",
    "forget_room",
    "get_message",
    "get_profile",
    "hide_message",
    "list_blocked_peers",
    "list_conversations",
    "list_profiles",
    "message_delivery",
    "message_hidden",
    "mute_room",
    "page_token",
    "peer_blocked",
    "profile_changed",
    "progress",
    "reach",
    "read_marker_changed",
    "room_muted",
    "search_messages",
    "set_petname",
    "set_profile",
    "set_read_marker",
    "unblock_peer",
)
"""What was added to the contract since 1.0, in alphabetical order."""
