"""Small files in the data directory, each replaced as a whole.

After a crash a file is the old one or the new one. Used by the books of rooms
and of peers.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def load_json(path: Path) -> dict[str, Any]:
    """Read a file; empty where there is none or it is damaged.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file and wait for the disk; call it off the trio thread, once at a time.

    Raises:
        OSError: It cannot be written; the old one is still there.
    """
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
