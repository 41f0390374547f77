"""A chat peer of another libp2p, as a process that speaks JSON lines.

Used by the tests of go, js and rust-libp2p; each program takes a message a line and
tells ``ready``, ``joined`` and ``message``.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tests.driver import reaper
from tests.driver.waiting import wait_until


class ForeignPeer:
    """A running peer; leaves with the ``with`` block.

    Attributes:
        told: Everything it has told so far, in order.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.told: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        reaper.watch(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> ForeignPeer:
        self._reader.start()
        self._wait_told("ready")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        reaper.forget(self._process.pid)
        self._reader.join()

    @property
    def peer_id(self) -> str:
        """Its peer id."""
        return str(self._wait_told("ready")["id"])

    @property
    def address(self) -> str:
        """An address to dial it by, ending in ``/p2p/ID``."""
        return str(self._wait_told("ready")["addresses"][0])

    def say(self, text: str) -> None:
        """Publish one message to the room."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()

    def wait_joined(self, peer_id: str) -> None:
        """Wait until it knows that a peer is in the room."""
        self._wait_told("joined", peer=peer_id)

    def wait_found(self, peer_id: str) -> None:
        """Wait until it has found a record in the DHT that names a peer."""
        self._wait_told("found", peer=peer_id)

    def wait_reachability(self, verdict: str) -> None:
        """Wait until it has found out whether the internet reaches it."""
        self._wait_told("reachability", verdict=verdict)

    @property
    def reachable(self) -> list[str]:
        """The addresses at which it was found reachable, as it has told last."""
        told = [line for line in self.told if line["type"] == "reachable"]
        return list(told[-1]["addresses"] or ()) if told else []

    def wait_message(self, text: str) -> dict[str, Any]:
        """Wait for the message with this text and return it."""
        return self._wait_told("message", text=text)

    def _wait_told(self, kind: str, **fields: str) -> dict[str, Any]:
        wanted = {"type": kind, **fields}
        wait_until(
            lambda: list(self.told),
            lambda told: any(wanted.items() <= line.items() for line in told),
        )
        return next(line for line in self.told if wanted.items() <= line.items())

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told.append(json.loads(line))
