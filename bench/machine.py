"""On what and of what a run was measured. Used by ``bench.__main__``."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else a figure depends on.

    Attributes:
        began: RFC 3339, UTC.
        commit: What was measured; ends with ``+`` where files had been changed since.
        load: Processes that wanted a processor in the minute before the run, where noted.
    """

    began: str
    commit: str
    processor: str
    processors: int
    kernel: str
    python: str
    load: float | None


def circumstances() -> Circumstances:
    """Look at them; called before the run begins."""
    return Circumstances(
        began=datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        commit=_commit(),
        processor=_processor(),
        processors=len(os.sched_getaffinity(0)),
        kernel=platform.release().partition("-")[0],
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def _commit() -> str:
    found = _git("rev-parse", "--short=10", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return (found + "+" if changed else found) or "unknown"


def _git(*arguments: str) -> str:
    root = Path(__file__).parents[1]
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
