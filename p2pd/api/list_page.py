"""Pages of lists: which items a request asks for, and the token that continues it.

Used by ``service`` for lists that are ordered by a key of each item. A token
holds the key of the last item and a digest of the request it belongs to, so that
items that come and go between two pages neither repeat nor hide others.

Source: AIP-158, "Pagination".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message as Proto

from p2pd.domain.sizes import MAX_ITEMS_BYTES
from p2pd.errors import InvalidInputError

MAX_PAGE_SIZE = 1_000
DIGEST_BYTES = 8
ITEM_BYTES = 5
"""Tag and length of one item of a response."""

ItemT = TypeVar("ItemT")
ProtoT = TypeVar("ProtoT", bound=Proto)


class ListPage:
    """One page of a list: a size and the key after which it starts.

    Args:
        parameters: The list and what the request filters it by; a token is valid
            for equal parameters only.

    Raises:
        InvalidInputError: The size is negative or the token is not of this list.
    """

    def __init__(self, page_size: int, page_token: str, parameters: Sequence[str]) -> None:
        if page_size < 0:
            raise InvalidInputError("page_size", "INVALID_PAGE_SIZE", "page_size is negative")
        self._size = min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
        self._digest = hashlib.sha256(repr(tuple(parameters)).encode()).digest()[:DIGEST_BYTES]
        self._after = self._key_from_token(page_token) if page_token else None

    @property
    def after(self) -> str | None:
        """The key behind which the page starts; None for the first."""
        return self._after

    def token_after(self, key: str) -> str:
        """Return the token of the page that starts behind a key."""
        return self._token_from_key(key)

    def select(
        self,
        items: Sequence[ItemT],
        key_of: Callable[[ItemT], str],
        translate: Callable[[ItemT], ProtoT],
    ) -> tuple[list[ProtoT], str]:
        """Translate the items of this page.

        Args:
            items: The whole list, ordered by ``key_of``.

        Returns:
            The items, as many as fit into a response but one at least if there
            is one, and the token of the next page, empty at the end.
        """
        rest = [one for one in items if self._after is None or key_of(one) > self._after]
        selected: list[ProtoT] = []
        size_bytes = 0
        for item in rest[: self._size]:
            translated = translate(item)
            size_bytes += translated.ByteSize() + ITEM_BYTES
            if selected and size_bytes > MAX_ITEMS_BYTES:
                break
            selected.append(translated)
        if len(selected) == len(rest):
            return selected, ""
        return selected, self._token_from_key(key_of(rest[len(selected) - 1]))

    def _token_from_key(self, key: str) -> str:
        return base64.urlsafe_b64encode(self._digest + key.encode()).decode().rstrip("=")

    def _key_from_token(self, token: str) -> str:
        try:
            padded = token + "=" * (-len(token) % 4)
            raw = base64.b64decode(padded, altchars=b"-_", validate=True)
            key = raw[DIGEST_BYTES:].decode()
        except (binascii.Error, ValueError):
            raise _invalid_token("page_token is not one of this API") from None
        if raw[:DIGEST_BYTES] != self._digest or self._token_from_key(key) != token:
            raise _invalid_token("page_token belongs to another request")
        return key


def _invalid_token(message: str) -> InvalidInputError:
    return InvalidInputError("page_token", "INVALID_PAGE_TOKEN", message)
