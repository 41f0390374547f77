"""Where peers were reached, kept over restarts, so that old acquaintances meet again.

Filled by ``chat`` and ``presence``; read once, when the node starts and dials
them all.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Never

import structlog
import trio

from p2pd.chat.json_file import load_json, save_json
from p2pd.domain.peers import Direction, Peer

MAX_GIVEN = 128
MAX_MET = 64
SAVE_REST_S = 5.0
"""Between two saves of whom this node meets."""

log = structlog.get_logger(__name__)


class PeerBook:
    """Addresses that were dialled with success: given by callers, or found for a room.

    The newest of each kind are kept; those that were found push out none that
    were given.

    Raises:
        OSError: The file is there and cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saving = threading.Lock()
        self._changed = trio.Event()
        content = load_json(path)
        self._given = _texts(content.get("given"))
        self._met = _texts(content.get("met"))

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, those given last; unchecked, as they were in the file."""
        return (*self._met, *self._given)

    async def give(self, address: str) -> None:
        """Note an address by which a caller has connected, and save it if that is possible."""
        _add(self._given, address, MAX_GIVEN)
        await self._try_save()

    def meet(self, peer: Peer) -> None:
        """Note where a peer that shares a room was dialled, if it was."""
        if peer.connection is not None and peer.connection.direction is Direction.OUTBOUND:
            _add(self._met, f"{peer.connection.remote_address}/p2p/{peer.peer_id}", MAX_MET)
            self._changed.set()

    async def run(self) -> Never:
        """Save what changes; ends by cancellation."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await self._try_save()
            await trio.sleep(SAVE_REST_S)

    async def _try_save(self) -> None:
        try:
            await trio.to_thread.run_sync(self._save)
        except OSError as error:
            log.warning("known peers not saved", error=str(error))
            self._changed.set()

    def _save(self) -> None:
        with self._saving:
            save_json(self._path, {"given": list(self._given), "met": list(self._met)})


def _texts(saved: object) -> dict[str, None]:
    return dict.fromkeys(map(str, saved)) if isinstance(saved, list) else {}


def _add(newest: dict[str, None], text: str, max_count: int) -> None:
    newest.pop(text, None)
    newest[text] = None
    while len(newest) > max_count:
        del newest[next(iter(newest))]
