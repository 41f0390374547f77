"""The sign on the door of ``p2pd/net/patches`` tells what is really there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NET = ROOT / "p2pd" / "net"
PATCHES = NET / "patches"
ROOMS = (PATCHES, NET, NET / "pubsub", NET / "dht")
ROW = re.compile(r"^\| (\d+) \| .+ \| (.+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([^`]+)`")
DEFECT = re.compile(r"@defect\(\s*(\d+)")


def rows() -> list[tuple[int, str, str]]:
    text = (PATCHES / "README.md").read_text()
    return [(int(number), modules, tests) for number, modules, tests in ROW.findall(text)]


def is_there(name: str, *directories: Path) -> bool:
    return any((directory / name).exists() for directory in directories)


def test_every_module_and_test_of_the_list_exists() -> None:
    gone = []
    for _, modules, tests in rows():
        gone += [name for name in NAMED.findall(modules) if not is_there(name, *ROOMS)]
        gone += [
            name
            for name in NAMED.findall(tests)
            if not is_there(name, ROOT, ROOT / "tests/upstream", ROOT / "tests/p2pd/net/discovery")
        ]
    assert not gone


def test_every_defect_shown_by_a_test_is_in_the_list() -> None:
    listed = {number for number, _, _ in rows()}
    shown = {
        int(number)
        for path in (ROOT / "tests/upstream").glob("test_*.py")
        for number in DEFECT.findall(path.read_text())
    }
    assert shown <= listed
