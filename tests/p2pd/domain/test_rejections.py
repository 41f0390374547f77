"""The reasons of rejections are listed, and every one of the list is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from p2pd.domain.rejections import RejectionReason, Rejections

ROOT = Path(__file__).parents[3]
ROW = re.compile(r"^\| `([a-z_]+)` \| (.+) \|$", re.MULTILINE)


def test_the_document_lists_every_reason_with_its_description() -> None:
    listed = ROW.findall((ROOT / "docs" / "rejections.md").read_text())
    assert listed == [(reason.value, reason.description) for reason in RejectionReason]


@pytest.mark.parametrize("reason", list(RejectionReason))
def test_every_reason_is_described_and_counted_somewhere(reason: RejectionReason) -> None:
    assert reason.description.endswith(".")
    source = "".join(path.read_text() for path in (ROOT / "p2pd").rglob("*.py"))
    is_named = source.count(f"RejectionReason.{reason.name}") > 0
    is_twin = reason.name.startswith("SYNC_MESSAGE_") and reason.name[5:] in source
    is_storage = reason in (RejectionReason.STORAGE_FULL, RejectionReason.STORAGE_FAILED)
    is_slot = reason is RejectionReason.SYNC_BUSY
    assert is_named or is_twin or is_storage or is_slot


def test_rejections_are_counted_by_reason() -> None:
    rejections = Rejections()
    rejections.count(RejectionReason.AUTHOR_RATE)
    rejections.count(RejectionReason.AUTHOR_RATE, 2)
    assert dict(rejections.totals) == {"author_rate": 3}
