"""``python -m bench.trees TREE TREE``: unary publishes of 32 callers, beside another commit's.

Each TREE is a working tree with its own environment (``make install``); their nodes take
turns, each with its log on disk. The callers are of ``bench.open_loop``, in Go, so that
they take little of the processors. The last line is the last tree's rate over the first's.

    git worktree add ../before 18a56a5 && make -C ../before install
    python -m bench.trees ../before .
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Figures, interleaved_medians
from bench.open_loop import Offer, open_generator
from bench.processor import processor_s
from bench.services import NO_LIMITS, Running, running_services
from tests.driver import NodeProcess
from tests.driver.process import Process, environment

CALLERS = 32
WARM_UP_S = 1.0
SECONDS = 5.0
MS_IN_S = 1e3


class TreeNode(NodeProcess):
    """A node of a working tree."""

    def __init__(self, tree: Path, directory: Path) -> None:
        super().__init__("node", directory, **NO_LIMITS)
        self._tree = tree

    def _launch(self, arguments: Sequence[str], stdout: Path, stderr: Path) -> Process:
        """Start the process in its tree, with its environment."""
        python = self._tree / ".venv" / "bin" / "python"
        outside = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
        with stdout.open("wb") as stdout_file, stderr.open("wb") as stderr_file:
            return subprocess.Popen(
                [str(python), "-m", self.module, *arguments],
                cwd=self._tree,
                env=outside | self.settings,
                stdin=subprocess.DEVNULL,
                stdout=stdout_file,
                stderr=stderr_file,
                start_new_session=True,
            )


def measure(tree: Path) -> Figures:
    """Measure a node of a tree."""
    with running_services() as running:
        node = _start(tree, running)
        with open_generator(node.grpc_address) as generator:
            generator.offer(Offer("closed", WARM_UP_S, callers=CALLERS))
            begin_s = processor_s(node.pid)
            found = generator.offer(Offer("closed", SECONDS, callers=CALLERS))
            spent_s = processor_s(node.pid) - begin_s
        return {
            "publishes_per_s": found.accepted / found.seconds,
            "node_cpu_ms": spent_s * MS_IN_S / found.accepted,
            "p99_ms": found.p99_ms,
        }


def _start(tree: Path, running: Running) -> NodeProcess:
    node = TreeNode(tree, running.new_directory())
    running.add(node)
    node.start()
    return node


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.trees", description=__doc__)
    parser.add_argument("trees", nargs="+", type=Path, metavar="TREE")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    trees = {os.path.relpath(tree): tree.resolve() for tree in arguments.trees}

    def subject(tree: Path) -> Any:
        return lambda: measure(tree)

    subjects = {name: subject(tree) for name, tree in trees.items()}
    found = interleaved_medians(subjects, arguments.rounds)
    for name, figures in found.items():
        shown = ", ".join(f"{key} {value:,.2f}" for key, value in figures.items())
        print(f"{name}: {shown}")
    rates = [figures["publishes_per_s"] for figures in found.values()]
    print(f"ratio {rates[-1] / rates[0]:.2f}")


if __name__ == "__main__":
    main()
