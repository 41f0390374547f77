"""Small files in the data directory, each replaced as a whole.

After a crash a file is the old one or the new one. Used by the books of rooms
and of peers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import structlog

from common.files import remove_drafts, replace_file

log_line = structlog.get_logger(__name__)


def load_json(path: Path) -> dict[str, Any]:
    """Read a file; empty where there is none or it is damaged.

    Raises:
        OSError: It is there and cannot be read.
    """
    remove_drafts(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log_line.warning("file is damaged and not used", path=str(path), error=str(error))
        return {}
    return content if isinstance(content, dict) else {}


def save_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file and wait for the disk; call it off the trio thread, once at a time.

    Raises:
        OSError: It cannot be written; the old one is still there.
    """
    replace_file(path, json.dumps(content).encode())
