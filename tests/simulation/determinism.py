"""What trio leaves to chance, decided by a seed: the order of tasks and of deadlines.

Trio can order its tasks by a seed, as it does for Hypothesis. It says itself what that
leaves open: equal deadlines expire in the order of addresses in memory, and a cancellation
reaches tasks in the order of a set. Both follow the order of creation here. The hashes of
strings are settled by ``PYTHONHASHSEED``, see ``running``. py-libp2p takes no clock: it
dates its backoffs by the clocks of the process, which are virtual as well; and of two
connections that are equally good it takes the one that lies higher in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from heapq import heappush
from itertools import count
from typing import Any

from libp2p.abc import ConnectionType, INetConn
from libp2p.network.swarm import Swarm
from trio._core import _run as run

_scopes = count()
_statuses = count()
_number_of: dict[int, int] = {}
_init_status = run.CancelStatus.__init__


class OrderedDeadlines(run.Deadlines):
    """Equal deadlines expire in the order that they were set in."""

    def add(self, deadline: float, cancel_scope: run.CancelScope) -> None:
        """Note a deadline."""
        heappush(self._heap, (deadline, next(_scopes), cancel_scope))
        self._active += 1


def set_process_clocks(now_s: Callable[[], float], begin_s: int) -> None:
    """Have all that asks the process for the time get the virtual one, from now on."""

    def now_ns() -> int:
        return begin_s * 10**9 + int(now_s() * 10**9)

    time.time = time.monotonic = lambda: begin_s + now_s()
    time.time_ns = time.monotonic_ns = now_ns


def order_tasks_by(seed: int) -> None:
    """Have the next run of trio in this process schedule its tasks by a seed."""
    run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    run._r.seed(seed)
    run.CancelStatus.__init__ = _init_numbered  # type: ignore[method-assign]
    run.CancelStatus.__hash__ = lambda self: _number_of[id(self)]  # type: ignore[method-assign]
    Swarm._best_connection = _oldest_of_the_best  # type: ignore[method-assign, assignment]
    run.Task.__hash__ = _task_number  # type: ignore[method-assign, assignment]


def order_deadlines() -> None:
    """Order the deadlines of the present run; called before any is shared by two tasks."""
    runner = run.GLOBAL_RUN_CONTEXT.runner
    ordered = OrderedDeadlines()
    for deadline, _, scope in runner.deadlines._heap:
        if scope._registered_deadline == deadline:
            ordered.add(deadline, scope)
    runner.deadlines = ordered


def _oldest_of_the_best(_: Swarm, connections: Sequence[INetConn]) -> INetConn:
    def worth(connection: INetConn) -> tuple[bool, int]:
        is_direct = connection.get_connection_type() is ConnectionType.DIRECT
        return is_direct, len(connection.get_streams())

    return max(connections, key=worth)


def _task_number(task: run.Task) -> int:
    return task._counter


def _init_numbered(self: run.CancelStatus, *arguments: Any, **named: Any) -> None:
    _number_of[id(self)] = next(_statuses)
    _init_status(self, *arguments, **named)
