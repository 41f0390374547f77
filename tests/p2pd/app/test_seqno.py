from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.app.seqno import SAVE_INTERVAL_NS, SeqnoMark


def test_the_next_run_begins_above_what_was_used(tmp_path: Path) -> None:
    mark = SeqnoMark(tmp_path / "seqno")
    used = [10, SAVE_INTERVAL_NS, SAVE_INTERVAL_NS + 9, 5 * SAVE_INTERVAL_NS]
    for seqno in used:
        mark.reach(seqno)
        assert SeqnoMark(tmp_path / "seqno").first > seqno


@pytest.mark.parametrize("content", ["", "many"])
def test_a_damaged_file_is_no_mark(tmp_path: Path, content: str) -> None:
    (tmp_path / "seqno").write_text(content)
    assert SeqnoMark(tmp_path / "seqno").first == 0
