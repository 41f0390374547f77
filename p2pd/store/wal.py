"""How many committed frames a write-ahead log holds, whether SQLite can use them or not.

SQLite replays a log up to the first frame that does not fit its checksum and
silently leaves out what follows. Counting the frames before it does so tells
that something was lost. Called by ``p2pd.store.store_file`` before a file is opened
that nobody closed.

Source: https://www.sqlite.org/fileformat2.html, section 4, "The Write-Ahead Log".
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

_HEADER = struct.Struct(">8I")
_FRAME_HEADER = struct.Struct(">6I")
_MAGIC = 0x377F0682
_CHECKSUM_MASK = 0xFFFFFFFF


def committed_frames(path: Path) -> int:
    """Return the number of the last frame that ends a transaction of this log.

    A header that is no header counts as a frame that cannot be replayed; frames
    left over from before the log was begun anew carry another salt and do not
    count.
    """
    try:
        with path.open("rb") as file:
            return _last_commit(file, path.stat().st_size)
    except FileNotFoundError:
        return 0


def _last_commit(file: BinaryIO, size_bytes: int) -> int:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return 0
    magic, _, page_bytes, _, *salt, sum_1, sum_2 = _HEADER.unpack(header)
    if magic & ~1 != _MAGIC or _checksum(header[:24], big=magic & 1) != (sum_1, sum_2):
        return 1
    frame_bytes = _FRAME_HEADER.size + page_bytes
    last = 0
    for number in range(1, (size_bytes - _HEADER.size) // frame_bytes + 1):
        file.seek(_HEADER.size + (number - 1) * frame_bytes)
        _, commit_pages, *frame_salt, _, _ = _FRAME_HEADER.unpack(file.read(_FRAME_HEADER.size))
        if commit_pages and frame_salt == salt:
            last = number
    return last


def _checksum(data: bytes, *, big: int) -> tuple[int, int]:
    words = struct.unpack(f"{'>' if big else '<'}{len(data) // 4}I", data)
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _CHECKSUM_MASK
        second = (second + odd + first) & _CHECKSUM_MASK
    return first, second
