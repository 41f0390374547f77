"""What ``docs/operating.md`` shows, by language."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "operating.md"


def examples(language: str) -> list[str]:
    """Return the code blocks of one language, in order; there is at least one."""
    found = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{DOCUMENT.name} shows nothing in {language}"
    return found


def replaced(text: str, changes: dict[str, str]) -> str:
    """Return an example for this machine; each thing replaced must stand in it."""
    for old, new in changes.items():
        assert old in text, f"{old!r} does not stand in the example"
        text = text.replace(old, new)
    return text
