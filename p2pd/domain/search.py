"""What a search means: which texts hold all words of a query, and where. Pure.

A text matches where it holds every word of the query, in whatever case and at whatever
place in it, so that languages without spaces are searched alike. A query has no syntax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2pd.domain.events import Event
from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId
from p2pd.domain.records import Conversation
from p2pd.errors import InvalidInputError

MAX_QUERY_BYTES = 512
MAX_WORDS = 16
GRAM = 3
"""Characters that the index knows together; shorter words are searched without it."""
MAX_RANGES = 64
"""Of one message."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to search for.

    Attributes:
        words: Folded; a text holds all of them.
        conversation: Only messages of this one; None: of all.
        author_id: Only messages of this author.
        not_before_ns, before_ns: Only messages received in this time.
    """

    words: tuple[str, ...]
    conversation: Conversation | None = None
    author_id: PeerId | None = None
    not_before_ns: int = 0
    before_ns: int | None = None

    @property
    def grams(self) -> tuple[str, ...]:
        """What the index is asked for; empty where no word is long enough."""
        found = {word[at : at + GRAM] for word in self.words for at in range(len(word) - GRAM + 1)}
        return tuple(sorted(found))

    def admits(self, message: Message) -> bool:
        """Return whether a message is among those meant, whatever its text."""
        if self.conversation is not None and message.conversation != self.conversation:
            return False
        if self.author_id is not None and message.author_id != self.author_id:
            return False
        is_early = self.before_ns is None or message.receive_time_ns < self.before_ns
        return is_early and message.receive_time_ns >= self.not_before_ns

    def ranges_in(self, text: str) -> tuple[TextRange, ...]:
        """Return where a text holds the words; empty where it does not hold all of them."""
        folded = fold(text)
        if not all(word in folded for word in self.words):
            return ()
        places = _places(text)
        found = {
            TextRange(places[begin], places[begin + len(word) - 1] + 1)
            for word in self.words
            for begin in _occurrences(folded, word)
        }
        return tuple(sorted(found, key=lambda one: (one.begin, one.end)))[:MAX_RANGES]


@dataclass(frozen=True, slots=True)
class TextRange:
    """A part of a text, in code points."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message that matches, and where."""

    event: Event
    ranges: tuple[TextRange, ...]


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some messages that match, the newest first.

    Attributes:
        next_before: Where the search goes on, below this offset; None at its end.
        unindexed_count: Stored messages that the index does not have yet.
    """

    messages: Sequence[FoundMessage]
    next_before: int | None
    unindexed_count: int


def fold(text: str) -> str:
    """Return a text as it is compared."""
    return text.casefold().replace("\0", " ")


def words_from_text(text: str) -> tuple[str, ...]:
    """Read a query.

    Raises:
        InvalidInputError: It is empty, or too long.
    """
    words = tuple(dict.fromkeys(fold(text).split()))
    if not words:
        flaw = "the query has no word"
    elif len(text.encode("utf-8", "surrogatepass")) > MAX_QUERY_BYTES or len(words) > MAX_WORDS:
        flaw = f"a query has at most {MAX_QUERY_BYTES} bytes of UTF-8 and {MAX_WORDS} words"
    else:
        return words
    raise InvalidInputError("query", "INVALID_QUERY", flaw)


def _places(text: str) -> list[int]:
    """Return for each folded character the place of the one that it comes from."""
    return [at for at, character in enumerate(text) for _ in fold(character)]


def _occurrences(folded: str, word: str) -> list[int]:
    found: list[int] = []
    begin = folded.find(word)
    while begin >= 0 and len(found) < MAX_RANGES:
        found.append(begin)
        begin = folded.find(word, begin + len(word))
    return found
