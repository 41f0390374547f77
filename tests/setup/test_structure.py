"""How the product is cut: files and functions that can be read at once, names for one thing."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = {"p2pd": ("p2pd", "common"), "gateway": ("gateway", "common")}
"""Each with what it shares: the two never import one another."""
MAX_FILE_LINES = 330
MAX_FUNCTION_LINES = 45
"""Without the docstring."""
LONGER = {
    "p2pd/domain/rejections.py": 520,  # a list
    "p2pd/store/sqlite_store.py": 410,
    "p2pd/store/store_file.py": 400,
}
"""Files that are not divided yet."""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def files_of(program: str) -> Iterator[Path]:
    for folder in PROGRAMS[program]:
        yield from sorted((ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, modules: frozenset[str]) -> set[str]:
    """List the modules of a program that a file imports, wherever the import stands."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{each.name}" for each in node.names}
            found |= names & modules or {node.module} & modules
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names} & modules
    return found - {module_name(path)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_two_classes_share_a_name(program: str) -> None:
    places = defaultdict(list)
    for path in files_of(program):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module_name(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_file_is_longer_than_it_can_be_read(program: str) -> None:
    long = {}
    for path in files_of(program):
        name = path.relative_to(ROOT).as_posix()
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LONGER.get(name, MAX_FILE_LINES):
            long[name] = lines
    assert long == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_function_is_longer_than_it_can_be_read(program: str) -> None:
    long = {}
    for path in files_of(program):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = code_lines(node)
                if lines > MAX_FUNCTION_LINES:
                    long[f"{module_name(path)}.{node.name}"] = lines
    assert long == {}


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is None:
        return lines
    docstring = node.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


@pytest.mark.parametrize("program", PROGRAMS)
def test_files_import_one_another_in_one_direction(program: str) -> None:
    """Imports for the type checker alone count as well."""
    paths = list(files_of(program))
    modules = frozenset(map(module_name, paths))
    graph = {module_name(path): imported(path, modules) for path in paths}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))
