"""Writes the page's list of emoji from ``data-by-group.json`` of npm's unicode-emoji-json.

Run by hand for a newer Unicode: ``python -m codegen.emoji data-by-group.json``. Emoji that
fonts of a few years ago lack are left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NEWEST_EMOJI_VERSION = 14.0
TARGET = Path(__file__).parents[1] / "web/vendor/emoji/emoji.js"
HEAD = """// Made by codegen/emoji.py from unicode-emoji-json 0.9.0 (MIT), which is made from
// Unicode's emoji-test.txt. Each group is its name, then each emoji with its name and a line feed.
export const EMOJI_GROUPS = """


def main(source: Path) -> None:
    """Read the groups and write the module."""
    groups = json.loads(source.read_text(encoding="utf-8"))
    lists = [[group["name"], "\n".join(_lines(group["emojis"]))] for group in groups]
    text = json.dumps(lists, ensure_ascii=False, indent=1)
    TARGET.write_text(f"{HEAD}{text};\n", encoding="utf-8")


def _lines(emojis: list[dict[str, str]]) -> list[str]:
    return [
        f"{one['emoji']} {one['name']}"
        for one in emojis
        if float(one["emoji_version"]) <= NEWEST_EMOJI_VERSION
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
