"""The stop switch of a process: SIGTERM or SIGINT once, and it ends in time, whatever hangs.

The signals are blocked and awaited in a thread of their own, so that neither a disk
that hangs under the main thread nor a library keeps one from arriving. The deadline
stands in that thread too: no shield and no call that never returns is above it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import structlog

STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT})
EXIT_STOPPED = 0
"""Also where something was cut off: what was acknowledged is on disk before it is."""
REPEATED_S = 0.3
"""Signals so close together are one: a terminal and a supervisor may both send one."""
REPORT_S = 0.1

log_line = structlog.get_logger(__name__)


class StopSwitch:
    """Ends the process ``deadline_s`` after the first signal, or at the second.

    Made in the main thread before any other thread is started, so that all of them
    leave the signals alone. A signal before anybody listens ends the process at once.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self._wakes: list[Callable[[], None]] | None = []
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        threading.Thread(target=self._watch, name="stop-switch", daemon=True).start()

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called at the first signal, in the switch's thread; or now, after it."""
        with self._lock:
            if self._wakes is not None:
                self._wakes.append(wake)
                return
        wake()

    def _watch(self) -> None:
        signal.sigwait(STOP_SIGNALS)
        end_s = time.monotonic() + self._deadline_s
        with self._lock:
            wakes, self._wakes = self._wakes or [], None
        if not wakes:
            end_process(EXIT_STOPPED)
        for wake in wakes:
            wake()
        time.sleep(REPEATED_S)
        while signal.sigtimedwait(STOP_SIGNALS, 0) is not None:
            pass
        second = signal.sigtimedwait(STOP_SIGNALS, max(0.0, end_s - time.monotonic()))
        _end("second signal; ended at once" if second else "did not stop in time; ended")


def end_process(code: int) -> NoReturn:
    """End the process without waiting for threads that hang, as the interpreter would."""
    os._exit(code)


def _end(reason: str) -> None:
    """End the process without waiting for anything, its log included."""
    report = threading.Thread(target=log_line.error, args=(reason,), daemon=True)
    report.start()
    report.join(REPORT_S)
    end_process(EXIT_STOPPED)
