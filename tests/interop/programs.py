"""Where the programs of other languages are, and how to run them to their end.

``make test-needs`` builds those in Go and Rust, and installs Node and its packages.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "interop"
NODE = Path(sys.executable).parent / "node"
NODE_PROGRAMS = ROOT / "tests" / "javascript" / "interop"
PROTO_DIR = ROOT / "proto"


def go_program(name: str) -> str:
    """Return the path of a program that ``make test-needs`` built from Go."""
    return _built(name)


def rust_program(name: str) -> str:
    """Return the path of a program that ``make test-needs`` built from Rust."""
    return _built(name)


def _built(name: str) -> str:
    path = BUILT / name
    assert path.exists(), f"{path} is not built; run: make test-needs"
    return str(path)


def node_program(name: str) -> tuple[str, str]:
    """Return the command of a JavaScript program."""
    return str(NODE), str(NODE_PROGRAMS / name)


def run(*command: str, timeout_s: float = 60.0) -> str:
    """Run a program to its end and return what it printed.

    Raises:
        AssertionError: it failed; with all that it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}\n{done.stdout}{done.stderr}"
    )
    return done.stdout
