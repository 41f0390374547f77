"""The last sequence number used, kept so that it never goes back over a restart.

Sequence numbers are the clock in nanoseconds. A clock that was set back while
the node was down would repeat them, and peers drop what they think they have.
"""

from __future__ import annotations

from pathlib import Path

SAVE_INTERVAL_NS = 10**9


class SeqnoMark:
    """A file with the last sequence number, at most a second behind.

    Attributes:
        first: The number that the first message of this run must exceed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.first = _load(path)
        self._saved = self.first

    def reach(self, seqno: int) -> None:
        """Note that ``seqno`` was used."""
        if seqno >= self._saved:
            self._saved = seqno + SAVE_INTERVAL_NS
            self._path.write_text(str(self._saved), encoding="ascii")


def _load(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return 0
