"""The machine that a node runs on, as far as its parts use it through ports.

``composition`` hands it to ``parts``. A simulation gives each node a machine of its own,
with virtual clocks, a network in memory, and no threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from p2pd.net.machine import NetworkMachine
from p2pd.node.clock_watch import MACHINE_CLOCKS, Clocks
from p2pd.workers import WORKER_THREADS, Workers


@dataclass(frozen=True, slots=True)
class Machine:
    """What a node is given of its machine.

    Attributes:
        workers: Where work that blocks is done.
        has_threads: Whether the store has threads of its own.
    """

    clocks: Clocks = MACHINE_CLOCKS
    network: NetworkMachine = field(default_factory=NetworkMachine)
    workers: Workers = WORKER_THREADS
    has_threads: bool = True


THIS_MACHINE = Machine()
