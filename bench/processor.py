"""Processor time of a process, finer than the kernel's ticks. Used by ``bench.libp2p_layer``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from bench.measure import NS_IN_S


def processor_s(pid: int) -> float:
    """Return what the threads of a process have taken, in user and kernel.

    Source: Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat.
    """
    spent_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            spent_ns += int((task / "schedstat").read_text().split()[0])
    return spent_ns / NS_IN_S
