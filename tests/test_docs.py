"""The documents say what the code does: every setting, and every link that leads somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import gateway.config
import p2pd.config

ROOT = Path(__file__).parents[1]
#: Defaults that depend on the machine or are too long for a table.
DEFAULTS_IN_WORDS = {
    "P2PD_DATA_DIR": "the platform's user data directory",
    "P2PD_LISTEN": "TCP and QUIC on 4001 and WebSocket on 4002, IPv4 and IPv6 each",
    "P2PD_BOOTSTRAP": "the public libp2p bootstrap peers",
}


def settings_rows(settings: tuple[object, ...]) -> list[str]:
    """Write the settings as the rows of the README's tables."""
    rows = []
    for setting in settings:
        variable = setting.variable  # type: ignore[attr-defined]
        default = DEFAULTS_IN_WORDS.get(variable)
        if default is None:
            default = f"`{setting.default}`" if setting.default else "none"  # type: ignore[attr-defined]
        rows.append(f"| `{variable}` | {default} | {setting.meaning} |")  # type: ignore[attr-defined]
    return rows


@pytest.mark.parametrize("settings", [p2pd.config.SETTINGS, gateway.config.SETTINGS])
def test_the_readme_lists_every_setting_with_its_default(settings: tuple[object, ...]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = "\n".join(settings_rows(settings))
    assert table in readme, f"README.md should hold these rows:\n{table}"


@pytest.mark.parametrize(
    "document",
    sorted(
        path.relative_to(ROOT).as_posix()
        for folder in ("", "docs", "docs/decisions", "p2pd/net/patches")
        for path in (ROOT / folder).glob("*.md")
    ),
)
def test_every_link_of_a_document_leads_to_a_file(document: str) -> None:
    path = ROOT / document
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (path.parent / target).exists()]
    assert missing == []


STEP = re.compile(r"`(?:(\w+)\.)?(\w+)` in\s+`([\w/]+\.py)`")


WALK = re.compile(r"\*\*A message (?:comes in|goes out):\*\*\n\n(.*?)\n\n", re.DOTALL)


def functions_of(path: Path) -> set[str]:
    """List the functions of a file, those of a class behind its name."""
    functions: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        functions |= {
            owner + each.name
            for each in inside
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return functions


def test_every_step_of_a_message_is_a_function_one_can_search_for() -> None:
    walk = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = STEP.findall(walk)
    assert len(named) >= 20
    for owner, name, path in named:
        function = f"{owner}.{name}" if owner else name
        assert function in functions_of(ROOT / path), f"{path} has no {function}"


def test_a_message_takes_ten_steps_at_most_each_way() -> None:
    walks = WALK.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))
    assert len(walks) == 2
    for walk in walks:
        steps = re.split(r"^\d+\. ", walk, flags=re.MULTILINE)[1:]
        assert len(steps) <= 10
        assert all(STEP.search(step) for step in steps)
