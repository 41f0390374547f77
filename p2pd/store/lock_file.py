"""One node a data directory: a lock that the kernel lets go with the process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2pd.store.errors import StoreInUseError


@contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Hold a directory for this process.

    Raises:
        StoreInUseError: Another one holds it.
    """
    descriptor = os.open(directory / "messages.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreInUseError(directory) from error
        yield
    finally:
        os.close(descriptor)
