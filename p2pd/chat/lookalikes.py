"""Names that look alike, by the characters that Unicode TS 39 says are confusable.

Used by ``profiles``. The table beside this file is read when the first name comes.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("confusables.txt")


def looks_of(name: str) -> frozenset[str]:
    """Return what a name looks like; two names look alike where they share one of these.

    Case, white space and marks on letters make no difference. A capital may look like
    another letter than its small one does, so each way of reading a name counts.
    """
    if not name:
        return frozenset()
    bare = {_bare(name), _bare(unicodedata.normalize("NFKC", name))}
    looks = {_prototype(_prototype(one).casefold()) for one in bare}
    looks |= {_prototype(one.casefold()) for one in bare}
    return frozenset(_bare(look.casefold()) or name for look in looks)


def _bare(name: str) -> str:
    """Take marks and white space away."""
    return "".join(
        one
        for one in unicodedata.normalize("NFD", name)
        if not one.isspace() and unicodedata.category(one) != "Mn"
    )


def _prototype(text: str) -> str:
    return _bare(text.translate(_prototypes()))


@cache
def _prototypes() -> dict[int, str]:
    lines = _TABLE.read_text(encoding="ascii").splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {int(one, 16): "".join(chr(int(each, 16)) for each in like) for one, *like in rows}
