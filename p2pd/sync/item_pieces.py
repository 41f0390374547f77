"""Cut items into pieces for reconciliation; used by every ``ItemSet``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from p2pd.domain.items import Bound, Item, Summary, Upper, seqno_between, summary_of


def split_items(items: Sequence[Item], upper: Upper, parts: int) -> list[tuple[Upper, Summary]]:
    """Cut items into pieces of about equally many.

    Args:
        upper: Where the last piece ends.

    Returns:
        The upper bound and the summary of each, one at least.
    """
    size = max(1, -(-len(items) // parts))
    pieces = [items[at : at + size] for at in range(0, len(items), size)] or [items]
    bounds: list[Upper] = [
        bound_before(before[-1], after[0]) for before, after in itertools.pairwise(pieces)
    ]
    return list(zip([*bounds, upper], map(summary_of, pieces), strict=True))


def bound_before(before: Item, after: Item) -> Bound:
    """Return the shortest bound above one item and not above the next."""
    if before.seqno != after.seqno:
        return Item(seqno_between(before.seqno, after.seqno), b"")
    for length in range(1, len(after.digest)):
        if after.digest[:length] > before.digest:
            return Item(after.seqno, after.digest[:length])
    return after
