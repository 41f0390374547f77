"""Runs the tests of the page's modules, which need no browser, under Node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT_S = 60


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_page_modules(file: str) -> None:
    node = shutil.which("node")
    assert node, "node is not on the PATH; `make test` installs it"
    command = [node, "--test", str(HERE / file)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
