"""Small files, each written as a whole: the only place that writes one.

Used for the identity key, the tokens, and whatever else is read back at the next
start. A process killed or a machine switched off at any moment leaves the old
file or the new one, never half of one and never an empty one.
"""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

OWNER_ONLY_FILE = 0o600
OWNER_ONLY_DIRECTORY = 0o700
DRAFT_SUFFIX = ".new"

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NO_DIRECTORY_FSYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}


def replace_file(path: Path, content: bytes, mode: int = OWNER_ONLY_FILE) -> None:
    """Write a file, or put it in the place of the one that is there.

    Blocks for two fsyncs: call it off the event loops.

    Args:
        mode: Permissions of the file, whatever the umask.

    Raises:
        OSError: It cannot be written; the old one is still there.
    """
    draft = _write_draft(path, content, mode)
    try:
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def create_file(path: Path, content: bytes, mode: int = OWNER_ONLY_FILE) -> None:
    """Write a file where there is none yet.

    Args:
        mode: Permissions of the file, whatever the umask.

    Raises:
        FileExistsError: There is one; it is left as it is.
        OSError: It cannot be written.
    """
    draft = _write_draft(path, content, mode)
    try:
        _link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def remove_drafts(path: Path) -> None:
    """Remove what a killed process left of a file that it never finished.

    Call it only while no other process writes this file.
    """
    with suppress(OSError):
        for other in path.parent.iterdir():
            if other.name.startswith(f".{path.name}.") and other.suffix == DRAFT_SUFFIX:
                other.unlink(missing_ok=True)


def _write_draft(path: Path, content: bytes, mode: int) -> Path:
    """Write the content under a name of its own, and wait for the disk."""
    descriptor, name = tempfile.mkstemp(DRAFT_SUFFIX, f".{path.name}.", path.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft


def _link(draft: Path, path: Path) -> None:
    """Give a draft its name; unlike a rename, a link replaces no file written meanwhile."""
    try:
        os.link(draft, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        draft.replace(path)


def _sync_directory(directory: Path) -> None:
    """Make a name last; some file systems cannot be asked to."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        if error.errno in _NO_DIRECTORY_FSYNC:
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_FSYNC:
            raise
    finally:
        os.close(descriptor)
