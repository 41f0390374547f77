"""Which messages mention this node follows the name in its profile. Called by ``p2pd.node``."""

from __future__ import annotations

from p2pd.chat.profiles import Profiles
from p2pd.domain.mentions import MentionRule


def follow_own_name(profiles: Profiles, mentions: MentionRule) -> None:
    """Have messages mention this node by the name that its profile has now, and later."""

    def follow() -> None:
        own = profiles.own
        mentions.profile_name = "" if own is None else own.profile.name

    profiles.on_own_changed.append(follow)
    follow()
