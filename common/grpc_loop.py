"""The event loop under ``grpc.aio``: uvloop, woken once for all that gRPC has finished.

gRPC's poller thread writes a byte for each finished operation, and the loop reads one
byte a wake-up although it handles all that is finished: under load most wake-ups find
nothing to do. Here a wake-up reads all bytes. Used by ``p2pd.api.server`` and by
``gateway.__main__``.

Source: grpc, src/python/grpcio/grpc/_cython/_cygrpc/aio/completion_queue.pyx.pxi,
``_handle_events``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import uvloop

POLLER = "PollerCompletionQueue"
MAX_WAKES_BYTES = 4096


class GrpcLoop(uvloop.Loop):
    """uvloop, with all wake-ups of gRPC's poller thread that came together as one."""

    def add_reader(  # type: ignore[override]
        self, fd: Any, callback: Callable[..., Any], *args: Any
    ) -> None:
        """Call back when ``fd`` can be read."""
        if isinstance(fd, socket.socket) and _is_of_poller(callback):
            super().add_reader(fd, _handle_all, fd, callback)
        else:
            super().add_reader(fd, callback, *args)


def _is_of_poller(callback: Callable[..., Any]) -> bool:
    function = callback.func if isinstance(callback, partial) else callback
    return type(getattr(function, "__self__", None)).__name__ == POLLER


def _handle_all(wakes: socket.socket, handle: Callable[[], None]) -> None:
    """Read the bytes, then handle: what is finished later writes another byte."""
    with suppress(BlockingIOError):
        wakes.recv(MAX_WAKES_BYTES)
    handle()
