"""Whether a message mentions this node: the rule of the contract, pure.

A text mentions a peer where it holds ``@`` and one of the peer's names: its peer id, its
short id (the last eight characters), or the name of its profile in whatever case. No
letter, digit or underscore stands before the ``@`` or behind the name.

The store asks when it stores a message, so a mention stays one when the name changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId

SHORT_ID_CHARACTERS = 8


class MentionRule:
    """Decides for one node.

    Attributes:
        profile_name: What the node calls itself; empty while it has no name. Set by
            whoever owns the profile.
    """

    def __init__(self, own_id: PeerId) -> None:
        self.profile_name = ""
        self._own_id = own_id

    def __call__(self, message: Message) -> bool:
        """Return whether a message of somebody else mentions this node."""
        if b"@" not in message.data or message.author_id == self._own_id:
            return False
        ids = (self._own_id, self._own_id[-SHORT_ID_CHARACTERS:])
        return mentions_any(message.data.decode("utf-8", "replace"), ids, self.profile_name)


def mentions_any(text: str, ids: Iterable[str], name: str = "") -> bool:
    """Return whether a text mentions one of these ids, or the name in whatever case."""
    if any(_mentions(text, one) for one in ids):
        return True
    return bool(name) and _mentions(text.casefold(), name.casefold())


def _mentions(text: str, name: str) -> bool:
    return any(
        not (_is_word(text[begin - 1 : begin]) or _is_word(text[end : end + 1]))
        for begin, end in _occurrences(text, f"@{name}")
    )


def _occurrences(text: str, part: str) -> Iterator[tuple[int, int]]:
    begin = text.find(part)
    while begin >= 0:
        yield begin, begin + len(part)
        begin = text.find(part, begin + 1)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
