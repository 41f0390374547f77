"""Wake other threads just before trio sleeps, once for all that happened until then.

A thread that is woken earlier takes the processor, finds the interpreter's lock
taken and sleeps again; and what was handed to peers is not on its way yet. Used by
the bridge to the gRPC thread and by the thread of the store's fsync; and by the queues of
peers, which write what a turn of the loop has brought them, first of all.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

MAX_TURNS = 3
"""Turns of a busy loop after which threads are woken although it does not sleep."""


class _BeforeSleep(trio.abc.Instrument):
    """Calls what waits, before the loop sleeps."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []
        self.sends: list[Callable[[], None]] = []
        self._turns = 0

    def before_io_wait(self, timeout: float) -> None:
        """Call what waits; trio is about to wait for so many seconds."""
        if not (self.waiting or self.sends):
            return
        self._turns += 1
        if timeout > 0 or self._turns >= MAX_TURNS:
            self._turns = 0
            due = [*self.sends, *self.waiting]
            self.sends, self.waiting = [], []
            for call in due:
                call()


_before_sleep: trio.lowlevel.RunVar[_BeforeSleep] = trio.lowlevel.RunVar("before_sleep")


def call_before_sleep(wake: Callable[[], None]) -> None:
    """Call a function before trio sleeps next; in trio's thread only.

    The function wakes another thread. It must not raise, nor wake a task of trio: the
    loop has settled by then how long it sleeps.
    """
    _found().waiting.append(wake)


def send_before_sleep(send: Callable[[], None]) -> None:
    """Call a function that writes to a socket, before threads are woken; as above."""
    _found().sends.append(send)


def _found() -> _BeforeSleep:
    try:
        return _before_sleep.get()
    except LookupError:
        before_sleep = _BeforeSleep()
        _before_sleep.set(before_sleep)
        trio.lowlevel.add_instrument(before_sleep)
        return before_sleep
