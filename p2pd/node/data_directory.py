"""The data directory: found, made, checked and private before anything in it is read.

Called by ``composition`` at start. An orchestrator that opens a volume to a group
(``chmod -R g+rwX``) does so at every start, so what is the node's own is made
private again instead of refused. The directory itself keeps its mode: the
directory of a mounted volume often belongs to somebody else.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import structlog

from common.files import OWNER_ONLY_DIRECTORY, OWNER_ONLY_FILE
from p2pd.node.errors import DataDirectoryError, NoHomeError

OWN_FILES = ("identity.key", "grpc.token", "messages.*", "rooms.json", "peers.json")
IDENTITY_FILE, STORE_FILE = "identity.key", "messages.db"
OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO

log_line = structlog.get_logger(__name__)


def open_data_directory(chosen: Path | None) -> Path:
    """Make the directory usable for the node and for nobody else.

    Args:
        chosen: The directory; None is the platform's.

    Returns:
        The directory.

    Raises:
        NoHomeError: None was chosen and the platform knows none.
        DataDirectoryError: It cannot be made, read or written.
    """
    directory = chosen or default_directory()
    _make(directory)
    _check_access(directory)
    made_private = [path.name for path in _own_files(directory) if _make_private(path)]
    if made_private:
        log_line.warning(
            "files were open to others; only their owner may use them now",
            directory=str(directory),
            files=made_private,
        )
    if (directory / STORE_FILE).exists() and not (directory / IDENTITY_FILE).exists():
        log_line.warning(
            "identity key is missing beside stored messages; a new identity is made",
            directory=str(directory),
        )
    return directory


def default_directory() -> Path:
    """Return the platform's directory for the node's data.

    Raises:
        NoHomeError: The platform knows none.
    """
    try:
        directory = Path(platformdirs.user_data_dir("p2pd", appauthor=False))
    except RuntimeError:
        raise NoHomeError from None
    if not directory.is_absolute():
        raise NoHomeError
    return directory


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=OWNER_ONLY_DIRECTORY, parents=True, exist_ok=True)
    except FileExistsError:
        raise DataDirectoryError(f"data directory {directory} is not a directory") from None
    except OSError as error:
        raise DataDirectoryError(
            f"data directory {directory} cannot be made: {error.strerror}"
        ) from error


def _check_access(directory: Path) -> None:
    try:
        flags = os.statvfs(directory).f_flag
        owner = directory.stat().st_uid
    except OSError as error:
        raise DataDirectoryError(
            f"data directory {directory} cannot be used: {error.strerror}"
        ) from error
    if flags & os.ST_RDONLY:
        raise DataDirectoryError(f"data directory {directory} is on a read-only file system")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
        raise DataDirectoryError(
            f"data directory {directory} cannot be written to: it belongs to uid {owner}, "
            f"and this process is uid {os.geteuid()}"
        )


def _own_files(directory: Path) -> Iterator[Path]:
    for pattern in OWN_FILES:
        yield from (path for path in sorted(directory.glob(pattern)) if path.is_file())


def _make_private(path: Path) -> bool:
    """Take a file's permissions away from others; return whether they had any.

    A file of another user stays as it is where this process may use it: only its
    owner can change it. The identity key is refused then, by whoever reads it.
    """
    found = path.stat()
    if found.st_uid != os.geteuid():
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            raise DataDirectoryError(
                f"{path} belongs to uid {found.st_uid}, and this process is uid {os.geteuid()}; "
                "give it to this user, or run as that one"
            )
        return False
    if not found.st_mode & OTHERS_MAY:
        return False
    try:
        path.chmod(OWNER_ONLY_FILE)
    except OSError as error:
        raise DataDirectoryError(
            f"{path} is open to others and cannot be made private: {error.strerror}"
        ) from error
    return True
