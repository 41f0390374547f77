"""Every reason of an error that the node gives is written in the proto."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PROTO = (ROOT / "proto" / "chat.proto").read_text("utf-8")
WHERE = ("p2pd/api", "p2pd/chat", "p2pd/domain", "p2pd/log", "p2pd/net", "p2pd/errors.py")
GIVEN = re.compile(
    r'(?:reason = |reason: str = |InvalidInputError\(\s*[\w".]+,\s*|LimitReachedError\(\s*)'
    r'"([A-Z]+(?:_[A-Z]+)*)"'
)
INTERNAL = {"INTERNAL"}


def test_every_reason_is_documented() -> None:
    sources = [path for one in WHERE for path in [ROOT / one, *(ROOT / one).rglob("*.py")]]
    texts = (path.read_text("utf-8") for path in sources if path.is_file())
    reasons = {reason for text in texts for reason in GIVEN.findall(text)}
    assert {"EMPTY_MESSAGE", "CLIENT_MESSAGE_ID_REUSED", "TOO_MANY_CALLS"} <= reasons
    missing = {one for one in reasons - INTERNAL if not re.search(rf"\b{one}\b", PROTO)}
    assert not missing
