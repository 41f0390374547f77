"""The unit files are such as systemd takes, without a word of complaint."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.operating.examples import examples, replaced

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("unit", examples("ini"))
def test_systemd_takes_the_unit_as_it_stands(unit: str, tmp_path: Path) -> None:
    name = Path(unit.splitlines()[0].removeprefix("# ")).name
    path = tmp_path / name
    path.write_text(replaced(unit, {"/opt/wsp/bin": str(BIN)}), encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    about_it = [line for line in verified.stderr.splitlines() if name in line]
    assert (verified.returncode, about_it) == (0, [])
