"""Running scenarios, each in a process of its own that a seed decides from its first step on.

The process is forked off one that has imported the node with ``PYTHONHASHSEED=0``: a run
takes no time to start, and what one has left behind changes no other.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import structlog
import trio
from trio.testing import MockClock

from tests.simulation.determinism import order_deadlines, order_tasks_by, set_process_clocks
from tests.simulation.node import BEGIN_S
from tests.simulation.world import World

MEMORY = Path("/dev/shm")
WARNING = 30

Scenario = Callable[[World], Awaitable[None]]
"""A function of a module, so that another process finds it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a run.

    Attributes:
        steps: Steps of tasks.
        digest: Of every step, its task and its virtual time: the same seed has the same.
    """

    virtual_s: float
    processor_s: float
    steps: int
    digest: str


class Trace(trio.abc.Instrument):
    """Sums up all steps of all tasks."""

    def __init__(self) -> None:
        self.steps = 0
        self._hash = hashlib.sha256()

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """Add a step."""
        self.steps += 1
        self._hash.update(f"{task.name} {trio.current_time():.9f}\n".encode())

    def digest(self) -> str:
        """Return the sum."""
        return self._hash.hexdigest()


def simulate(scenario: Scenario, seed: int) -> Run:
    """Run a scenario in virtual time; what it raises, this raises."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            run = pool.submit(run_here, scenario, seed).result()
    finally:
        del os.environ["PYTHONHASHSEED"]
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before
    print(f"seed {seed}: {run}")
    return run


def run_here(scenario: Scenario, seed: int) -> Run:
    """Run a scenario in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(WARNING))
    random.seed(seed)
    order_tasks_by(seed)
    clock, trace, began_s = MockClock(autojump_threshold=0), Trace(), time.process_time()
    set_process_clocks(clock.current_time, BEGIN_S)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        whole = partial(_run_whole, scenario, Path(directory), seed)
        trio.run(whole, clock=clock, instruments=[trace])
    processor_s = time.process_time() - began_s
    return Run(round(clock.current_time(), 2), round(processor_s, 2), trace.steps, trace.digest())


async def _run_whole(scenario: Scenario, directory: Path, seed: int) -> None:
    order_deadlines()
    async with trio.open_nursery() as nursery:
        world = World(directory, nursery, random.Random(seed))
        await scenario(world)
        await world.stop_all()
        nursery.cancel_scope.cancel()
