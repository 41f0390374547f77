"""Why the store cannot be opened, or has to be replaced; used inside ``p2pd.log``.

StoreOpenError          an operator can mend it; one clear sentence
├── NewerStoreError     written by a newer program
└── StoreInUseError     another process has it open
BackupError             a backup was not made; one clear sentence
StoreClosedError        the file at hand was closed or replaced meanwhile
DamagedError            the file, or a row of it, is not what was written
"""

from __future__ import annotations

from pathlib import Path


class StoreOpenError(Exception):
    """The message store cannot be opened."""


class NewerStoreError(StoreOpenError):
    """The file was written by a newer program; it was not touched."""

    def __init__(self, path: Path, version: int, known: int) -> None:
        super().__init__(
            f"{path} has schema version {version}, this program knows up to {known}: "
            "start the newer program, or move the file away"
        )


class StoreInUseError(StoreOpenError):
    """Another process has the store open."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            f"{directory} is in use by another node: stop it, or choose another data directory"
        )


class BackupError(Exception):
    """A backup was not made."""


class StoreClosedError(Exception):
    """The store file was closed, or set aside by another thread."""


class DamagedError(Exception):
    """The file is no store, or a row of it does not fit its checksum."""
