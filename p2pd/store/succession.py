"""The file of a store, and the one that takes its place where it is found damaged.

``p2pd.store.sqlite_store`` carries out every operation here. A damaged file is
quarantined, an empty one opened in its place, and the operation carried out on that
one. Offsets go on where they were, so that readers find a hole, which is reported,
instead of numbers used twice.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import structlog

from p2pd.domain.names import RoomName
from p2pd.domain.storage import Damage
from p2pd.errors import StorageFailedError
from p2pd.store.damage import (
    FILE_ERRORS,
    chat_error_from,
    finish_quarantine,
    is_damage,
    quarantine,
)
from p2pd.store.errors import StoreClosedError
from p2pd.store.inheritance import Inheritance, inheritance_of
from p2pd.store.legacy_files import inheritance_from_files, remove_files
from p2pd.store.message_store import IsMention
from p2pd.store.store_file import StoreFile

ATTEMPTS = 3
"""A call is carried out again when its file was replaced, so many times at most."""

T = TypeVar("T")
log_line = structlog.get_logger(__name__)


class Succession:
    """The present file of a store; any thread may find it damaged.

    Args:
        on_damage: Called with each damage, in whichever thread found it.
        on_lost: Called with the last offset of a file that was found damaged.
        import_files: Whether the files of earlier releases are read into the store.

    Attributes:
        file: The present file.
        damages: What was found since the start, oldest first.
    """

    def __init__(
        self,
        path: Path,
        on_damage: Callable[[Damage], None],
        on_lost: Callable[[int], None],
        configured_rooms: frozenset[RoomName],
        import_files: bool,
        clock_ns: Callable[[], int],
        fdatasync: Callable[[int], None],
        is_mention: IsMention,
    ) -> None:
        self.damages: tuple[Damage, ...] = ()
        self._path = path
        self._on_damage = on_damage
        self._on_lost = on_lost
        self._configured_rooms = configured_rooms
        self._import_files = import_files
        self._clock_ns = clock_ns
        self._fdatasync = fdatasync
        self._is_mention = is_mention
        self._replacing = threading.Lock()
        self._closed = False
        self.file = self._open_first()

    def carry_out(self, operation: Callable[[StoreFile], T]) -> T:
        """Do something with the file, and again with its successor where it is damaged."""
        for _ in range(ATTEMPTS):
            file = self.file
            try:
                return operation(file)
            except (StoreClosedError, *FILE_ERRORS) as error:
                if not isinstance(error, StoreClosedError) and not is_damage(error):
                    raise chat_error_from(error) from error
                self._replace(file, error)
        raise StorageFailedError("the message store is damaged again and again")

    def close(self, *, in_order: bool) -> None:
        """Close the file; calls from now on are refused."""
        with self._replacing:
            self._closed = True
            self.file.close(in_order=in_order)

    def _open_first(self) -> StoreFile:
        try:
            finish_quarantine(self._path)
            return self._open(0)
        except (*FILE_ERRORS, OSError) as error:
            if not is_damage(error):
                raise chat_error_from(error) from error
            self._quarantine(str(error))
            return self._open_successor(0)

    def _replace(self, file: StoreFile, error: Exception) -> None:
        """Put an empty file in the place of a damaged one, unless another thread just has.

        A file that is closed already was quarantined when there was no room for its
        successor; then only that is left to do.
        """
        with self._replacing:
            if self._closed:
                raise StorageFailedError("the message store is closed")
            if self.file is not file:
                return
            if is_damage(error):
                file.close(in_order=False)
                self._on_lost(file.last_offset)
                self._quarantine(str(error))
            self.file = self._open_successor(file.last_offset, file)

    def _quarantine(self, reason: str) -> None:
        try:
            damage = quarantine(self._path, reason, self._clock_ns())
        except OSError as error:
            raise chat_error_from(error) from error
        self._report(damage)

    def _open_successor(self, base_offset: int, before: StoreFile | None = None) -> StoreFile:
        try:
            return self._open(base_offset, before)
        except (*FILE_ERRORS, OSError) as error:
            raise chat_error_from(error) from error

    def _open(self, base_offset: int, before: StoreFile | None = None) -> StoreFile:
        file = StoreFile(
            self._path, base_offset, self._fdatasync, self._configured_rooms, self._is_mention
        )
        try:
            if not file.is_complete:
                file.inherit(self._inheritance(before))
            if self._import_files:
                remove_files(self._path.parent)
        except BaseException:
            file.close(in_order=False)
            raise
        if file.tail_lost:
            reason = "the newest messages could not be read"
            self._report(Damage(str(self._path), reason, self._clock_ns()))
        return file

    def _inheritance(self, before: StoreFile | None) -> Inheritance:
        """Gather what a new file takes over: from memory, else from the files beside it."""
        gathered = inheritance_of(self._path)
        if before is not None:
            known = Inheritance(
                before.rooms.all_records,
                before.known_peers,
                before.quarantined.files,
                before.entries.all,
            )
            return known.over(gathered)
        if not self._import_files:
            return gathered
        return gathered.over(inheritance_from_files(self._path.parent, self._clock_ns()))

    def _report(self, damage: Damage) -> None:
        self.damages = (*self.damages, damage)
        log_line.error("store damaged", path=damage.path, reason=damage.reason)
        self._on_damage(damage)
