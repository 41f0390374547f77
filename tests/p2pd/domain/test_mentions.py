from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.domain.mentions import MentionRule
from p2pd.domain.names import PeerId
from tests.p2pd.facts import make_message

OWN = PeerId("12D3KooWHkcfCzDBMtyqskmKKHZReL5nYd9szzcfrEZcj7wrKxGP")
SHORT = OWN[-8:]


@pytest.mark.parametrize(
    ("text", "is_mention"),
    [
        (f"@{OWN}", True),
        (f"hello @{SHORT}, are you there?", True),
        (f"(@{SHORT})", True),
        (f"@{SHORT}x and then @{SHORT}", True),
        ("@ada", True),
        ("hi @ADA!", True),
        ("@ada lovelace", True),
        (f"mail{'@'}{SHORT}", False),
        (f"@{SHORT}x", False),
        (f"@{SHORT.lower()}", False),
        (f"@ {SHORT}", False),
        (SHORT, False),
        ("@adam", False),
        ("me@ada", False),
        ("@ada_2", False),
        ("@", False),
        ("", False),
    ],
)
def test_a_text_mentions_a_peer_by_id_short_id_or_name(text: str, is_mention: bool) -> None:
    rule = MentionRule(OWN)
    rule.profile_name = "Ada"
    assert rule(make_message(1, data=text.encode())) is is_mention


def test_a_node_without_a_name_is_not_mentioned_by_a_bare_sign() -> None:
    assert not MentionRule(OWN)(make_message(1, data=b"@ @@ @x"))


def test_nobody_mentions_themselves_and_bytes_that_are_no_text_mention_nobody_by_accident() -> None:
    message = make_message(1, data=b"\xff\xfe @" + SHORT.encode() + b" \xff")
    assert MentionRule(OWN)(message)
    assert not MentionRule(OWN)(replace(message, author_id=OWN))
    assert not MentionRule(OWN)(make_message(1, data=b"@\xff"))
