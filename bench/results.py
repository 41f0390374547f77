"""Runs of the benchmark as a file. Written by ``bench.__main__``, merged by ``bench.report``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.lines import Line
from bench.machine import Circumstances
from bench.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Run:
    """What one call of ``python -m bench`` has found."""

    circumstances: Circumstances
    rounds: int
    lines: tuple[Line, ...]


def save_run(path: Path, run: Run, sizes: Sizes, figures: dict[str, dict[str, float]]) -> None:
    """Write a run with every figure it has measured."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = asdict(run) | {"sizes": asdict(sizes), "figures": figures}
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_run(path: Path) -> Run:
    """Read a run."""
    return _run_from_json(json.loads(path.read_text(encoding="utf-8")))


def load_runs(path: Path) -> tuple[Run, ...]:
    """Read several runs; none where there is no file yet."""
    if not path.exists():
        return ()
    return tuple(map(_run_from_json, json.loads(path.read_text(encoding="utf-8"))))


def save_runs(path: Path, runs: Sequence[Run]) -> None:
    """Write several runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [asdict(run) for run in runs]
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def merge_run(runs: Sequence[Run], new: Run) -> tuple[Run, ...]:
    """Add a run: of each topic the newest run is shown, whole."""
    topics = {line.topic for line in new.lines}
    older = (
        replace(run, lines=tuple(line for line in run.lines if line.topic not in topics))
        for run in runs
    )
    return (*(run for run in older if run.lines), new)


def lines_of(runs: Sequence[Run]) -> list[Line]:
    """Return the lines of all runs."""
    return [line for run in runs for line in run.lines]


def digest_of(lines: Sequence[Line]) -> str:
    """Name what a plot was drawn from."""
    return sha256(json.dumps([asdict(line) for line in lines]).encode()).hexdigest()[:16]


def _run_from_json(found: dict[str, Any]) -> Run:
    lines = tuple(Line(**line) for line in found["lines"])
    return Run(Circumstances(**found["circumstances"]), found["rounds"], lines)
